//! Rate limit for log lines that callers can cause.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use jelou_core::LineRate;

/// Counts the lines of one kind, for one function or for the whole server.
#[derive(Debug, Default)]
pub(crate) struct LogLimit(Mutex<LineRate>);

/// The answer of [`LogLimit::count`].
pub(crate) struct Allowed {
    /// The number of dropped lines that are not reported yet. `None` if there is nothing to report now.
    pub(crate) dropped: Option<u64>,
    /// Whether this line may be logged.
    pub(crate) line: bool,
}

impl LogLimit {
    /// Counts one line. At most `limit` lines per second may be logged.
    pub(crate) fn count(&self, limit: u64) -> Allowed {
        let now = Instant::now();
        let mut rate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Allowed {
            dropped: rate.take_dropped(now),
            line: rate.admit(limit, now),
        }
    }
}
