//! A thread with a runtime of its own for each core but one. A connection stays on the one that it was given: what happens on
//! it wakes no other thread, and its requests move between no tasks that another core may hold.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

#[derive(Debug)]
pub(crate) struct Cores {
    cores: Vec<Core>,
    next: AtomicUsize,
}

#[derive(Debug)]
struct Core {
    runtime: Handle,
    /// The thread ends when this goes.
    _stop: oneshot::Sender<()>,
}

impl Cores {
    /// One less than the machine lets this process use: functions run on the same machine, and need one
    /// as well.
    pub(crate) fn start() -> std::io::Result<Self> {
        let usable = thread::available_parallelism().map_or(1, usize::from);
        let count = usable.saturating_sub(1).max(1);
        let cores = (0..count)
            .map(Core::start)
            .collect::<std::io::Result<_>>()?;
        Ok(Self {
            cores,
            next: AtomicUsize::new(0),
        })
    }

    /// Runs a connection on the core whose turn it is.
    pub(crate) fn spawn(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.cores.len();
        // The runtime has a place on the stack for a task's state, to move it when it ends.
        self.cores[turn].runtime.spawn(Box::pin(connection));
    }
}

/// How often the timer goes off that makes the others cheap.
const TICK: Duration = Duration::from_secs(1);

/// Keeps the runtime running. Whoever sets a timer that comes before every other one has to wake the thread with a
/// system call, even from itself; behind a timer that is always the next one, the timeout of a request costs none.
async fn run(stopped: oneshot::Receiver<()>) {
    let tick = async {
        loop {
            tokio::time::sleep(TICK).await;
        }
    };
    tokio::select! {
        _ = stopped => {}
        () = tick => {}
    }
}

impl Core {
    fn start(number: usize) -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        thread::Builder::new()
            .name(format!("core-{number}"))
            .spawn(move || runtime.block_on(run(stopped)))?;
        Ok(Self {
            runtime: handle,
            _stop: stop,
        })
    }
}
