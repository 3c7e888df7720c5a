//! Counts runs since the start of the server.

use std::sync::atomic::{AtomicU64, Ordering};

use jelou_core::api::RunState;

#[derive(Debug, Default)]
pub(crate) struct Counters {
    ok: AtomicU64,
    failed: AtomicU64,
    /// Due times that passed without a run.
    missed: AtomicU64,
    /// Runs that started more than a second after their planned time.
    late: AtomicU64,
}

impl Counters {
    pub(super) fn ended(&self, state: RunState) {
        let counter = if state == RunState::Ok {
            &self.ok
        } else {
            &self.failed
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn missed(&self, due_times: u64) {
        self.missed.fetch_add(due_times, Ordering::Relaxed);
    }

    pub(super) fn late(&self) {
        self.late.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn log(&self) {
        let [ok, failed, missed, late] = [&self.ok, &self.failed, &self.missed, &self.late]
            .map(|counter| counter.load(Ordering::Relaxed));
        if ok + failed + missed > 0 {
            tracing::info!(ok, failed, missed, late, "scheduled runs since the start");
        }
    }
}
