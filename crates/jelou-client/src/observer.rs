//! Reports the progress of requests, so that the command line can say what is slow and what an interruption may have
//! changed.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

/// The time after which a user notices the pause.
const SLOW_AFTER: Duration = Duration::from_secs(3);

/// What a request may do on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Read,
    Change,
}

/// Called around each request.
pub trait Observer: Debug + Send + Sync {
    fn sent(&self, effect: Effect);
    /// There is still no response after a few seconds.
    fn slow(&self);
    /// There is a response, or there will be none.
    fn answered(&self, effect: Effect);
}

/// One request in flight.
#[derive(Debug)]
pub(crate) struct Watch {
    observer: Arc<dyn Observer>,
    effect: Effect,
    /// Dropping the sender wakes the thread.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(crate) fn start(observer: &Arc<dyn Observer>, effect: Effect) -> Self {
        observer.sent(effect);
        let (end, ended) = mpsc::channel::<()>();
        let watcher = Arc::clone(observer);
        let thread = std::thread::Builder::new()
            .name("slow-request".to_owned())
            .spawn(move || {
                if ended.recv_timeout(SLOW_AFTER) == Err(RecvTimeoutError::Timeout) {
                    watcher.slow();
                }
            });
        Self {
            observer: Arc::clone(observer),
            effect,
            end: Some(end),
            // Without a thread, a slow request is not reported.
            thread: thread.ok(),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // After this, the thread can no longer write over the shown result.
            let _ = thread.join();
        }
        self.observer.answered(self.effect);
    }
}
