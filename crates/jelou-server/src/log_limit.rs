//! Rate limit for log lines that callers can cause.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use jelou_core::LineRate;

/// Counts the lines of one kind, for one function or for the whole server.
#[derive(Debug, Default)]
pub(crate) struct LogLimit(Mutex<LineRate>);

/// What may be logged now.
pub(crate) struct Allowed {
    /// The number of lines that were dropped before this one and are not reported yet.
    pub(crate) dropped: Option<u64>,
    /// Whether this line may be logged.
    pub(crate) line: bool,
}

impl LogLimit {
    /// Counts one line, of at most `limit` in a second.
    pub(crate) fn count(&self, limit: u64) -> Allowed {
        let now = Instant::now();
        let mut rate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Allowed {
            dropped: rate.take_dropped(now),
            line: rate.admit(limit, now),
        }
    }
}
