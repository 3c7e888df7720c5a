//! Tells the owner of a client how its requests go: to say what it waits for, and what an interruption leaves.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

/// A person notices a pause of some seconds, and wonders.
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
    /// There is no answer after some seconds.
    fn slow(&self);
    /// There is an answer, or there will be none.
    fn answered(&self, effect: Effect);
}

/// One request under way.
#[derive(Debug)]
pub(crate) struct Watch {
    observer: Arc<dyn Observer>,
    effect: Effect,
    /// Its end wakes the thread.
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
            // Without a thread there is no word about a slow request.
            thread: thread.ok(),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // Nothing is written about the wait once the answer is shown.
            let _ = thread.join();
        }
        self.observer.answered(self.effect);
    }
}
