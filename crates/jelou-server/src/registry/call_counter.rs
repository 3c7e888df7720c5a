//! Counts the calls of a deployment, for its health.

use std::sync::atomic::{AtomicU64, Ordering};

/// Calls that reached the function since the last batch for the store.
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

    /// Takes the calls, and the failed calls among them.
    pub(crate) fn take(&self) -> (u64, u64) {
        // Failures first, so that there are never more failures than calls.
        let failed = self.failed.swap(0, Ordering::Relaxed);
        (self.calls.swap(0, Ordering::Relaxed), failed)
    }

    /// Adds a batch that could not be stored.
    pub(crate) fn give_back(&self, calls: u64, failed: u64) {
        self.calls.fetch_add(calls, Ordering::Relaxed);
        self.failed.fetch_add(failed, Ordering::Relaxed);
    }
}
