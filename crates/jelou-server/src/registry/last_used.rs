//! The time of a token's last use.

use std::sync::atomic::{AtomicI64, Ordering};

/// The time of a token's last use. Calls update it in memory; it is stored in batches.
#[derive(Debug)]
pub(crate) struct LastUsed {
    at_ms: AtomicI64,
    stored_ms: AtomicI64,
}

impl LastUsed {
    pub(super) fn new(stored_ms: Option<i64>) -> Self {
        let at = stored_ms.unwrap_or(0);
        Self {
            at_ms: AtomicI64::new(at),
            stored_ms: AtomicI64::new(at),
        }
    }

    pub(crate) fn touch(&self, now_ms: i64) {
        // Reading first avoids contention, because most calls of a busy token are in the same millisecond.
        if self.at_ms.load(Ordering::Relaxed) < now_ms {
            self.at_ms.fetch_max(now_ms, Ordering::Relaxed);
        }
    }

    /// Milliseconds since the Unix epoch; `None` if the token was never used.
    pub(crate) fn get(&self) -> Option<i64> {
        Some(self.at_ms.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }

    /// Returns the time if it is not stored yet.
    pub(crate) fn unstored(&self) -> Option<i64> {
        let at = self.at_ms.load(Ordering::Relaxed);
        (at > self.stored_ms.load(Ordering::Relaxed)).then_some(at)
    }

    pub(crate) fn mark_stored(&self, at_ms: i64) {
        self.stored_ms.fetch_max(at_ms, Ordering::Relaxed);
    }
}
