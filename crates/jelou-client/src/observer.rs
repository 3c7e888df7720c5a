//! Reports the progress of requests. The command line uses it to show slow requests, and after an interruption, whether
//! something may have changed.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use ureq::http::StatusCode;

/// Time without a response after which a request is reported as slow.
const SLOW_AFTER: Duration = Duration::from_secs(3);

/// Whether a request may change something on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Read,
    Change,
}

/// What is known about the effect of a request that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The request only reads.
    Read,
    /// The server has refused the change.
    Refused,
    /// The server has made the change.
    Changed,
    /// The response to the change is missing, or reports a fault of the server.
    Unknown,
}

/// Is notified when a request is slow or ends, and which servers have not applied a change or did not contribute to the
/// response.
pub trait Observer: Debug + Send + Sync {
    fn sent(&self, effect: Effect);
    /// The response has not arrived after a few seconds.
    fn slow(&self);
    /// The change is made, but servers of the same database have not applied it yet.
    fn pending(&self, servers: &str);
    /// The response lacks the data of these servers of the same database, because they do not answer.
    fn missing(&self, servers: &str);
    /// The response lacks these rows of the database, because the server cannot read them.
    fn unreadable(&self, rows: &str);
    /// The response has arrived, or the request has failed.
    fn ended(&self, outcome: Outcome);
}

/// One request in flight.
#[derive(Debug)]
pub(crate) struct Watch {
    observer: Arc<dyn Observer>,
    outcome: Outcome,
    /// Dropping the sender ends the wait of the thread.
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
            outcome: match effect {
                Effect::Read => Outcome::Read,
                Effect::Change => Outcome::Unknown,
            },
            end: Some(end),
            // Without a thread, slow requests are not reported.
            thread: thread.ok(),
        }
    }

    pub(crate) fn answered(&mut self, status: StatusCode) {
        if self.outcome == Outcome::Unknown && status.is_success() {
            self.outcome = Outcome::Changed;
        } else if self.outcome == Outcome::Unknown && status.is_client_error() {
            self.outcome = Outcome::Refused;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // From here on, the thread cannot overwrite the result on the terminal.
            let _ = thread.join();
        }
        self.observer.ended(self.outcome);
    }
}
