//! Ends idle workers: after a timeout, or when another worker needs their memory.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::capacity::Budget;
use crate::worker::Worker;

/// Which workers may be evicted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Victims {
    /// Workers that had no request for `idle`, except those that stay loaded (`keepWarm`).
    Unkept { idle: Duration },
    /// All idle workers. Those that stay loaded are evicted last.
    All,
}

/// The workers of all functions.
#[derive(Debug, Default)]
pub(crate) struct Evictable {
    workers: Mutex<Vec<Weak<Worker>>>,
}

impl Evictable {
    pub(crate) fn add(&self, worker: &Arc<Worker>) {
        self.lock().push(Arc::downgrade(worker));
    }

    /// Ends the workers that had no request for their idle timeout, except those that stay loaded.
    pub(crate) fn end_idle(&self) {
        for worker in self.running() {
            if !worker.is_kept() {
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
            Victims::Unkept { idle } => {
                workers.retain(|worker| !worker.is_kept());
                idle
            }
            Victims::All => Duration::ZERO,
        };
        workers.sort_by_cached_key(|worker| (worker.is_kept(), Reverse(worker.usage.idle_for())));
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
