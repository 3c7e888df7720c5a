//! Starts processes from one thread that lives as long as the server.
//!
//! A process asks the kernel to be killed when its parent goes, and that signal follows the *thread* that spawned it
//! (prctl(2), `PR_SET_PDEATHSIG`): from a pool's thread, a process would die when the pool shrinks. With one thread
//! for ever, no process outlives the server, `kill -9` of the server included.

use rustix::process::Signal;
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
    /// Must be called inside a tokio runtime, which will wait for the processes.
    pub(crate) fn start() -> std::io::Result<Self> {
        let (jobs, mut queue) = mpsc::unbounded_channel::<Job>();
        let runtime = Handle::current();
        std::thread::Builder::new()
            .name("spawner".to_owned())
            .spawn(move || {
                while let Some(mut job) = queue.blocking_recv() {
                    let _runtime = runtime.enter();
                    die_with_parent(&mut job.command);
                    let _ = job.reply.send(job.command.spawn());
                }
            })?;
        Ok(Self { jobs })
    }

    pub(crate) async fn spawn(&self, command: Command) -> std::io::Result<Child> {
        let (reply, answer) = oneshot::channel();
        let gone = || std::io::Error::other("the thread that starts processes has ended");
        self.jobs.send(Job { command, reply }).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

#[expect(
    unsafe_code,
    reason = "code between fork and exec has to be promised to be async-signal-safe"
)]
fn die_with_parent(command: &mut Command) {
    let parent = rustix::process::getpid();
    let before_exec = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have gone before the signal was asked for.
        if rustix::process::getppid() == Some(parent) {
            Ok(())
        } else {
            Err(std::io::Error::from_raw_os_error(
                rustix::io::Errno::SRCH.raw_os_error(),
            ))
        }
    };
    // SAFETY: the closure makes two system calls (prctl, getppid) and allocates nothing.
    unsafe {
        command.pre_exec(before_exec);
    }
}
