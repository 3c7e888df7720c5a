//! One thread with its own runtime for each core except one. A connection stays on its thread, so it wakes no other
//! thread and shares no task with another thread.

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
    /// Dropping it ends the thread.
    _stop: oneshot::Sender<()>,
}

impl Cores {
    /// Starts one thread less than there are usable cores, because workers need a core too.
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

    /// Runs a connection on the next core, in round-robin order.
    pub(crate) fn spawn(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.cores.len();
        // Boxed, because the runtime moves the state of a task over the stack.
        self.cores[turn].runtime.spawn(Box::pin(connection));
    }
}

/// Interval of the timer that makes other timers cheaper.
const TICK: Duration = Duration::from_secs(1);

/// Keeps the runtime running. If a new timer becomes the earliest timer, it wakes its thread with a system call, even
/// from the same thread. A frequent tick is always the earliest timer, so the timeout of a request costs no system
/// call.
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
