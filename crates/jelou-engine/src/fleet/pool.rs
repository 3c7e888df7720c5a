//! Blank workers started ahead of demand, so that the first call to a function does not wait for a process to start.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use jelou_core::EgressRule;
use jelou_sandbox::{CpuShare, Purpose, cores};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::demand::Demand;
use super::error::LeaseError;
use super::eviction::{AllWorkers, Victims};
use super::room::make_room;
use crate::capacity::{Budget, Charge, NoRoom};
use crate::worker::{Blank, LaunchTerms, Launcher, LoadError, OpenRule};

/// Pause after a failed start of a blank worker, so that retries do not overload a broken machine.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Pause before a taken blank worker is replaced, because the function that took it needs the processor for its first
/// call.
const FIRST_CALL: Duration = Duration::from_millis(20);
/// Interval at which the target number of blank workers and the free memory are checked.
const PERIOD: Duration = Duration::from_secs(1);
/// Minimum time for which a function's worker must be idle before it is evicted for a blank worker.
const IDLE_ENOUGH: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Pool {
    launcher: Arc<Launcher>,
    all_workers: Arc<AllWorkers>,
    ready: Mutex<VecDeque<Blank>>,
    demand: Mutex<Demand>,
    /// Notified when a blank worker is taken.
    taken: Arc<Notify>,
    /// Notified when a blank worker becomes ready.
    added: Notify,
    starts: Starts,
}

/// Permits for starts that a call waits for: one for each core, in order of arrival. A function starts one process at a
/// time, so no function starves the others. The semaphore is closed when the server stops.
#[derive(Debug)]
struct Starts {
    permits: Semaphore,
    concurrent: usize,
}

impl Starts {
    fn new(concurrent: usize) -> Self {
        Self {
            permits: Semaphore::new(concurrent),
            concurrent,
        }
    }

    /// Waits for a permit to start a process, then until `deadline` for memory. The wait for the permit has no timeout.
    /// A start that gets its permit after its deadline fails at once if memory is short.
    async fn permit(
        &self,
        budget: &Arc<Budget>,
        all_workers: &AllWorkers,
        deadline: Instant,
    ) -> Result<(Option<SemaphorePermit<'_>>, Charge), NoRoom> {
        // While the server stops, a start needs no permit, because it serves a request in flight.
        let permit = self.permits.acquire().await.ok();
        let charge = make_room(budget, all_workers, Victims::All, deadline).await?;
        Ok((permit, charge))
    }

    fn are_waited_for(&self) -> bool {
        self.permits.available_permits() < self.concurrent
    }
}

impl Pool {
    pub(crate) fn new(launcher: Arc<Launcher>, all_workers: Arc<AllWorkers>) -> Self {
        Self {
            launcher,
            all_workers,
            ready: Mutex::default(),
            demand: Mutex::new(Demand::new(std::time::Instant::now())),
            taken: Arc::default(),
            added: Notify::new(),
            starts: Starts::new(cores()),
        }
    }

    /// Takes a ready blank worker, or starts one. The caller must call [`Pool::refill`] when the function runs, so that
    /// the start of a replacement does not compete with the function for the processor.
    pub(crate) async fn take(&self, share: CpuShare) -> Result<Blank, LeaseError> {
        self.demand().count(std::time::Instant::now());
        if let Some(blank) = self.pop() {
            return Ok(blank);
        }
        // A restart after a crash has no priority.
        let _waiting = (share == CpuShare::Own).then(|| self.launcher.waiting_calls.enter());
        let deadline = Instant::now() + self.launcher.limits.startup_timeout();
        let permit = self
            .starts
            .permit(&self.launcher.budget, &self.all_workers, deadline);
        let (_permit, charge) = tokio::select! {
            biased;
            blank = self.next_ready() => return Ok(blank),
            permit = permit => permit?,
        };
        let terms = self.launcher.common_terms().await;
        self.start_charged(share, terms, charge).await
    }

    /// Starts a process with other launch terms than those of blank workers.
    pub(crate) async fn start(
        &self,
        share: CpuShare,
        terms: LaunchTerms,
    ) -> Result<Blank, LeaseError> {
        let _waiting = (share == CpuShare::Own).then(|| self.launcher.waiting_calls.enter());
        let deadline = Instant::now() + self.launcher.limits.startup_timeout();
        let (_permit, charge) = self
            .starts
            .permit(&self.launcher.budget, &self.all_workers, deadline)
            .await?;
        self.start_charged(share, terms, charge).await
    }

    async fn start_charged(
        &self,
        share: CpuShare,
        terms: LaunchTerms,
        charge: Charge,
    ) -> Result<Blank, LeaseError> {
        let started = Blank::start(&self.launcher, Purpose::Serve, share, terms, charge);
        started.await.map_err(LeaseError::Process)
    }

    /// Ends blank workers that cannot reach the new address of a host name in the egress rules.
    pub(crate) async fn end_outdated(&self) {
        if !self.launcher.egress.iter().any(EgressRule::is_name) {
            return;
        }
        let egress = self.launcher.egress.iter();
        let now = OpenRule::resolve_all(egress, self.launcher.families()).await;
        let is_outdated = |blank: &Blank| blank.terms().openings.outdated_by(&now).is_some();
        let (ended, kept) = std::mem::take(&mut *self.ready())
            .into_iter()
            .partition::<VecDeque<_>, _>(is_outdated);
        self.ready().extend(kept);
        drop(ended);
    }

    /// Allows the replacement of a taken blank worker.
    pub(crate) fn refill(&self) {
        self.taken.notify_one();
    }

    /// Ends the blank workers, and stops starting them ahead of demand.
    pub(crate) fn close(&self) {
        self.starts.permits.close();
        let ended = std::mem::take(&mut *self.ready());
        drop(ended);
    }

    /// Ends a blank worker. Returns whether there was one.
    pub(crate) fn end_one(&self) -> bool {
        // The lock is released before the drop, because the drop removes a folder.
        let ended = self.ready().pop_back();
        ended.is_some()
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready().is_empty()
    }

    pub(crate) fn ready_count(&self) -> usize {
        self.ready().len()
    }

    async fn next_ready(&self) -> Blank {
        loop {
            if let Some(blank) = self.pop() {
                return blank;
            }
            self.added.notified().await;
        }
    }

    fn pop(&self) -> Option<Blank> {
        let next = || self.ready().pop_front();
        std::iter::from_fn(next).find_map(|mut blank| blank.is_alive().then_some(blank))
    }

    /// Returns the target number of blank workers.
    fn target(&self) -> usize {
        let limits = &self.launcher.limits;
        let (least, most) = (limits.blank_workers, limits.max_blank_workers);
        let now = std::time::Instant::now();
        self.demand().target(now, least, most)
    }

    /// Charges the memory of another blank worker. Evicts idle workers of functions only for the first
    /// `limits.blank_workers` blank workers.
    async fn room_for_one_more(&self, ready: usize) -> Option<Charge> {
        let budget = &self.launcher.budget;
        if ready >= self.launcher.limits.blank_workers {
            return budget.try_charge();
        }
        let deadline = Instant::now() + PERIOD;
        let victims = Victims::ExceptKeepWarm { idle: IDLE_ENOUGH };
        let room = make_room(budget, &self.all_workers, victims, deadline);
        room.await.ok()
    }

    async fn add_one(&self, charge: Charge) {
        let started = Instant::now();
        match self.start_rehearsed(charge).await {
            Ok(blank) => {
                self.ready().push_back(blank);
                self.added.notify_one();
                // Starts take at most half of the time, because running functions have priority.
                tokio::time::sleep(started.elapsed()).await;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot start a blank worker");
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }

    async fn start_rehearsed(&self, charge: Charge) -> Result<Blank, LoadError> {
        let launcher = &self.launcher;
        let terms = launcher.common_terms().await;
        let mut blank =
            Blank::start(launcher, Purpose::Serve, CpuShare::Rest, terms, charge).await?;
        blank.rehearse(launcher).await?;
        Ok(blank)
    }

    fn demand(&self) -> MutexGuard<'_, Demand> {
        self.demand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ready(&self) -> MutexGuard<'_, VecDeque<Blank>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the target number of blank workers ready, as far as memory allows, until the pool is closed or dropped.
pub(crate) async fn keep_filled(pool: Weak<Pool>) {
    loop {
        let Some(pool) = pool.upgrade() else {
            return;
        };
        if pool.starts.permits.is_closed() {
            return;
        }
        let (ready, target) = (pool.ready().len(), pool.target());
        if ready > target {
            pool.end_one();
            continue;
        }
        if ready < target
            && !pool.starts.are_waited_for()
            && let Some(charge) = pool.room_for_one_more(ready).await
        {
            pool.add_one(charge).await;
            continue;
        }
        // The task must not keep the pool alive while it waits.
        let taken = Arc::clone(&pool.taken);
        drop(pool);
        if tokio::time::timeout(PERIOD, taken.notified()).await.is_ok() {
            tokio::time::sleep(FIRST_CALL).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[tokio::test]
    async fn starts_without_memory_fail_at_their_deadline() {
        let starts = Starts::new(1);
        let budget = Arc::new(Budget::new(Some(0)));
        let all_workers = AllWorkers::default();
        let deadline = Instant::now() + Duration::from_secs(2);
        let mut waiting: Vec<_> = (0..50)
            .map(|_| Box::pin(starts.permit(&budget, &all_workers, deadline)))
            .collect();
        let mut poll = |context: &mut Context<'_>| {
            waiting.retain_mut(|permit| match permit.as_mut().poll(context) {
                Poll::Ready(refused) => refused.is_ok(),
                Poll::Pending => true,
            });
            waiting.len()
        };
        assert_eq!(poll(&mut Context::from_waker(Waker::noop())), 50);
        tokio::time::sleep_until(deadline).await;
        // At the deadline, each start fails at once and passes its permit to the next one. No start waits longer.
        assert_eq!(poll(&mut Context::from_waker(Waker::noop())), 0);
    }

    #[tokio::test]
    async fn a_start_with_enough_memory_gets_its_permit_after_the_deadline() {
        let starts = Starts::new(1);
        let budget = Arc::new(Budget::new(Some(100)));
        let all_workers = AllWorkers::default();
        let deadline = Instant::now();
        let first = starts
            .permit(&budget, &all_workers, deadline)
            .await
            .unwrap();
        let mut second = pin!(starts.permit(&budget, &all_workers, deadline));
        let mut context = Context::from_waker(Waker::noop());
        assert!(second.as_mut().poll(&mut context).is_pending());
        drop(first);
        second.await.unwrap();
    }
}
