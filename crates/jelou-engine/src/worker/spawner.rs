//! Starts processes from one thread that lives as long as the server.
//!
//! The kernel kills a process when the *thread* that spawned it ends (prctl(2), `PR_SET_PDEATHSIG`). If a thread of a
//! pool spawned the process, the process would be killed when the pool shrinks. With one permanent thread, processes
//! live until the server ends, and end also when the server is killed by `kill -9`.

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

struct Job {
    command: Command,
    reply: oneshot::Sender<std::io::Result<Child>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Spawner {
    jobs: mpsc::UnboundedSender<Job>,
}

impl Spawner {
    /// Starts the thread. Must be called inside a tokio runtime, which reaps the processes.
    ///
    /// # Errors
    ///
    /// When the thread cannot be started.
    pub(crate) fn start() -> std::io::Result<Self> {
        let (jobs, mut queue) = mpsc::unbounded_channel::<Job>();
        let runtime = Handle::current();
        std::thread::Builder::new()
            .name("spawner".to_owned())
            .spawn(move || {
                while let Some(mut job) = queue.blocking_recv() {
                    let _runtime = runtime.enter();
                    let _ = job.reply.send(job.command.spawn());
                }
            })?;
        Ok(Self { jobs })
    }

    /// Starts a process.
    ///
    /// # Errors
    ///
    /// When the process cannot be started.
    pub(crate) async fn spawn(&self, command: Command) -> std::io::Result<Child> {
        let (reply, answer) = oneshot::channel();
        let gone = || std::io::Error::other("the thread that starts processes has ended");
        self.jobs.send(Job { command, reply }).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}
