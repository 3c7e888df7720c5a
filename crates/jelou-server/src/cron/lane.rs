//! The runs of one schedule that are in flight. Used for the `overlap` rule.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Mutex, OwnedMutexGuard};

#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Number of runs that are in progress or wait for earlier runs.
    runs: AtomicUsize,
    turn: Arc<Mutex<()>>,
}

/// The place of one run in the lane. Dropping it removes the run.
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
    /// Waits until earlier runs of the schedule have ended. The guard makes later runs wait.
    pub(super) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.0.turn).lock_owned().await
    }
}

impl Drop for InLane {
    fn drop(&mut self) {
        self.0.runs.fetch_sub(1, Ordering::Relaxed);
    }
}
