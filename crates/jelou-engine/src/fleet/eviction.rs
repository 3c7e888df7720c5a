//! The processes that have a function, of all slots, so that those nobody uses can be ended.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crate::capacity::budget::Budget;
use crate::worker::process::Worker;

#[derive(Debug, Default)]
pub(crate) struct Running {
    workers: Mutex<Vec<Weak<Worker>>>,
}

impl Running {
    pub(crate) fn add(&self, worker: &Arc<Worker>) {
        self.lock().push(Arc::downgrade(worker));
    }

    /// Ends those that have had no request for that long.
    pub(crate) fn end_idle(&self, timeout: Duration) {
        for worker in self.all() {
            worker.end_if_idle(timeout);
        }
    }

    /// Ends processes that have had no request for `idle` until that many bytes come back, the one that was used least
    /// recently first. Answers with the bytes that no process could be ended for.
    pub(crate) fn evict(&self, bytes: u64, idle: Duration, budget: &Budget) -> u64 {
        let mut workers = self.all();
        let ending = workers.iter().filter(|worker| worker.is_ending());
        let mut missing = bytes.saturating_sub(ending.map(|worker| worker.charge.bytes()).sum());
        workers.sort_by_cached_key(|worker| Reverse(worker.idle_for()));
        for worker in workers {
            if missing == 0 {
                break;
            }
            if worker.end_if_idle(idle) {
                let freed = worker.charge.bytes();
                missing = missing.saturating_sub(freed);
                tracing::info!(
                    function = %worker.function,
                    freed_bytes = freed,
                    used_bytes = budget.used(),
                    reason = budget.reason(),
                    "an idle process is ended for its memory"
                );
            }
        }
        missing
    }

    /// Those that have not ended.
    fn all(&self) -> Vec<Arc<Worker>> {
        let mut all = Vec::new();
        self.lock().retain(|worker| {
            let worker = worker.upgrade().filter(|worker| !worker.has_ended());
            let runs = worker.is_some();
            all.extend(worker);
            runs
        });
        all
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Worker>>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
