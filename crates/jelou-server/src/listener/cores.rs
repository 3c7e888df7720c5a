//! Threads for connections: one per core except one core, each with its own runtime. A connection stays on its thread,
//! so it neither wakes other threads nor shares tasks with them.

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
    /// Dropping the sender ends the thread.
    _stop: oneshot::Sender<()>,
}

impl Cores {
    /// Starts one thread fewer than there are usable cores, because workers need a core too.
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

    /// Runs a connection on the next thread, in round-robin order.
    pub(crate) fn spawn(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.cores.len();
        // Boxed, because the runtime moves the state of a task on the stack.
        self.cores[turn].runtime.spawn(Box::pin(connection));
    }
}

/// Interval of a timer that makes other timers cheaper.
const TICK: Duration = Duration::from_secs(1);

/// Keeps the runtime running until `stopped`. A new timer that becomes the earliest one wakes the thread with a system
/// call, even from the thread itself. The frequent tick is usually the earliest timer, so that the timeout of a request
/// costs no system call.
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
