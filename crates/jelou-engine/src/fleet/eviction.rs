//! Ends idle workers: after a timeout, or when another worker needs their memory.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::capacity::Budget;
use crate::worker::Worker;

/// The workers that an eviction may end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Victims {
    /// Workers that have been idle for `idle` or longer, except those that stay loaded (`keepWarm`).
    ExceptKeepWarm { idle: Duration },
    /// All idle workers. Those that stay loaded are evicted last.
    All,
}

/// The running workers of all functions.
#[derive(Debug, Default)]
pub(crate) struct AllWorkers {
    workers: Mutex<Vec<Weak<Worker>>>,
}

impl AllWorkers {
    pub(crate) fn add(&self, worker: &Arc<Worker>) {
        self.lock().push(Arc::downgrade(worker));
    }

    /// Ends the workers whose idle timeout is over, except those that stay loaded. This is not an eviction.
    pub(crate) fn end_timed_out(&self) {
        for worker in self.running() {
            if !worker.stays_loaded() {
                worker.end_if_idle(worker.terms.limits.idle_timeout());
            }
        }
    }

    /// Ends idle workers, the least recently used first, until `bytes` are freed. Memory of workers that are already
    /// ending counts as freed. Returns the number of bytes that could not be freed.
    pub(crate) fn evict(&self, bytes: u64, victims: Victims, budget: &Budget) -> u64 {
        let mut workers = self.running();
        let ending = workers.iter().filter(|worker| worker.is_ending());
        let mut missing = bytes.saturating_sub(ending.map(|worker| worker.charge.bytes()).sum());
        let idle = match victims {
            Victims::ExceptKeepWarm { idle } => {
                workers.retain(|worker| !worker.stays_loaded());
                idle
            }
            Victims::All => Duration::ZERO,
        };
        workers
            .sort_by_cached_key(|worker| (worker.stays_loaded(), Reverse(worker.usage.idle_for())));
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

    fn running(&self) -> Vec<Arc<Worker>> {
        let mut running = Vec::new();
        self.lock().retain(|worker| {
            let worker = worker.upgrade().filter(|worker| !worker.has_ended());
            let runs = worker.is_some();
            running.extend(worker);
            runs
        });
        running
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Worker>>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
