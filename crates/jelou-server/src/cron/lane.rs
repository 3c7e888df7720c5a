//! The runs of one schedule that are in flight, for `overlap`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Mutex, OwnedMutexGuard};

#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Runs that run, or wait for their turn.
    runs: AtomicUsize,
    turn: Arc<Mutex<()>>,
}

/// One run of a schedule, until it is dropped.
#[derive(Debug)]
pub(super) struct InLane(Arc<Lane>);

impl Lane {
    pub(super) fn runs(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }

    pub(super) fn enter(self: &Arc<Self>) -> InLane {
        self.runs.fetch_add(1, Ordering::Relaxed);
        InLane(Arc::clone(self))
    }
}

impl InLane {
    /// Waits for the earlier runs that have taken their turn.
    pub(super) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.0.turn).lock_owned().await
    }
}

impl Drop for InLane {
    fn drop(&mut self) {
        self.0.runs.fetch_sub(1, Ordering::Relaxed);
    }
}
