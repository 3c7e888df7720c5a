//! Counts the calls of a deployment, to measure its health.

use std::sync::atomic::{AtomicU64, Ordering};

/// The calls that reached the function and are not stored yet.
#[derive(Debug, Default)]
pub(crate) struct CallCounter {
    calls: AtomicU64,
    failed: AtomicU64,
}

impl CallCounter {
    pub(crate) fn count(&self, is_failure: bool) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if is_failure {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Resets the counts. Returns the number of calls, and how many of them failed.
    pub(crate) fn take(&self) -> (u64, u64) {
        // Failures are read first, so that there are never more failures than calls.
        let failed = self.failed.swap(0, Ordering::Relaxed);
        (self.calls.swap(0, Ordering::Relaxed), failed)
    }

    /// Adds the counts of a batch that could not be stored.
    pub(crate) fn give_back(&self, calls: u64, failed: u64) {
        self.calls.fetch_add(calls, Ordering::Relaxed);
        self.failed.fetch_add(failed, Ordering::Relaxed);
    }
}
