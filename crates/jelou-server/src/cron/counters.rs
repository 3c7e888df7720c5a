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

/// The counters at one time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    pub(crate) missed: u64,
    pub(crate) late: u64,
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

    pub(super) fn read(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            ok: read(&self.ok),
            failed: read(&self.failed),
            missed: read(&self.missed),
            late: read(&self.late),
        }
    }

    pub(super) fn log(&self) {
        let Counts {
            ok,
            failed,
            missed,
            late,
        } = self.read();
        if ok + failed + missed > 0 {
            tracing::info!(ok, failed, missed, late, "scheduled runs since the start");
        }
    }
}
