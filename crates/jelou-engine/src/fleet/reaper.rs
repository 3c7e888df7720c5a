//! Runs twice a second: ends idle workers, enforces the memory budget, and scales busy functions.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::eviction::{AllWorkers, Victims};
use super::pool::Pool;
use super::processes::Processes;
use crate::capacity::{Budget, IdleCpu};

const PERIOD: Duration = Duration::from_millis(500);

/// The processes of all deployments.
#[derive(Debug, Default)]
pub(crate) struct AllProcesses(Mutex<Vec<Weak<Processes>>>);

impl AllProcesses {
    pub(crate) fn add(&self, processes: &Arc<Processes>) {
        self.lock().push(Arc::downgrade(processes));
    }

    pub(crate) fn all(&self) -> Vec<Arc<Processes>> {
        let mut all = Vec::new();
        self.lock().retain(|processes| {
            let processes = processes.upgrade();
            let kept = processes.is_some();
            all.extend(processes);
            kept
        });
        all
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Processes>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub(crate) struct Reaper {
    pub(crate) all_processes: Arc<AllProcesses>,
    pub(crate) all_workers: Arc<AllWorkers>,
    pub(crate) budget: Arc<Budget>,
}

impl Reaper {
    /// Runs the checks every [`PERIOD`], until the engine drops the pool.
    pub(crate) async fn run(self, pool: Weak<Pool>) {
        let mut idle_cpu = IdleCpu::default();
        loop {
            tokio::time::sleep(PERIOD).await;
            let Some(pool) = pool.upgrade() else {
                return;
            };
            self.all_workers.end_timed_out();
            self.keep_to_budget(&pool);
            let free_percent = idle_cpu.sample();
            for processes in self.all_processes.all() {
                processes.maintain(free_percent);
            }
        }
    }

    /// Ends workers while they exceed the memory budget: first idle workers of functions, then one blank worker. If
    /// there is no blank worker, also ends idle workers that stay loaded.
    fn keep_to_budget(&self, pool: &Pool) {
        self.budget.measure_machine();
        let excess = self.budget.excess();
        if excess > 0 {
            let except_keep_warm = Victims::ExceptKeepWarm {
                idle: Duration::ZERO,
            };
            let missing = self
                .all_workers
                .evict(excess, except_keep_warm, &self.budget);
            if missing > 0 && !pool.end_one() {
                self.all_workers.evict(missing, Victims::All, &self.budget);
            }
        }
    }
}
