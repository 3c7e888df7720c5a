//! Blank workers, started ahead, so that the first call to a sleeping function does not wait for a process to start.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use jelou_core::Limits;
use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};
use tokio::time::Instant;

use super::demand::Demand;
use super::eviction::Running;
use crate::LeaseError;
use crate::capacity::budget::{Budget, Charge, NoRoom};
use crate::engine::Shared;
use crate::worker::blank::Blank;
use crate::worker::load::LoadError;
use jelou_sandbox::{CpuShare, Purpose};

/// How long to wait after a blank worker did not start, so that a broken machine is not kept busy by trying.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How long the function that has taken a blank worker has the machine for its first call.
const FIRST_CALL: Duration = Duration::from_millis(20);
/// How often to look whether fewer are wanted, or whether there is memory for more.
const PERIOD: Duration = Duration::from_secs(1);
/// How long a function's process must have had no request to be ended for a blank worker.
const IDLE_ENOUGH: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Pool {
    ready: Mutex<VecDeque<Blank>>,
    demand: Mutex<Demand>,
    /// Told when a blank worker was taken.
    taken: Notify,
    /// Told when one has become ready.
    added: Notify,
    /// Calls that have found none and wait.
    waiting: watch::Sender<usize>,
    /// Starts that somebody waits for: as many at a time as there are cores, in the order in which they were asked for.
    /// A function asks for one at a time, so none keeps the others waiting.
    starts: Semaphore,
    concurrent_starts: usize,
}

/// A call that waits for a process to start.
struct Waiting<'a>(&'a watch::Sender<usize>);

impl<'a> Waiting<'a> {
    fn count(calls: &'a watch::Sender<usize>) -> Self {
        calls.send_modify(|calls| *calls += 1);
        Self(calls)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|calls| *calls -= 1);
    }
}

impl Pool {
    pub(crate) fn new(cores: usize) -> Self {
        Self {
            ready: Mutex::default(),
            demand: Mutex::new(Demand::new(std::time::Instant::now())),
            taken: Notify::new(),
            added: Notify::new(),
            waiting: watch::Sender::default(),
            starts: Semaphore::new(cores),
            concurrent_starts: cores,
        }
    }

    /// A blank worker that is ready, or else one that is started now. Whoever takes one says [`Pool::refill`] when
    /// its function runs: until then the machine has better things to do than to start the next one.
    pub(crate) async fn take(
        &self,
        shared: &Arc<Shared>,
        share: CpuShare,
    ) -> Result<Blank, LeaseError> {
        self.demand().count(std::time::Instant::now());
        if let Some(blank) = self.pop() {
            return Ok(blank);
        }
        // A process that follows a bad end is nothing to hurry for.
        let _waiting = (share == CpuShare::Own).then(|| Waiting::count(&self.waiting));
        let deadline = Instant::now() + shared.limits.startup_timeout();
        let (_turn, room) = tokio::select! {
            biased;
            blank = self.next_ready() => return Ok(blank),
            turn = self.turn(&shared.budget, &shared.running, deadline) => turn?,
        };
        let started = Blank::start(shared, Purpose::Serve, share, room);
        started.await.map_err(LeaseError::Process)
    }

    /// A turn to start a process, and room for it. While there is none for the first in the line, there is none for
    /// those behind: nobody waits for it longer than until the own deadline. A line that moves on is waited for.
    async fn turn(
        &self,
        budget: &Arc<Budget>,
        running: &Running,
        deadline: Instant,
    ) -> Result<(Option<SemaphorePermit<'_>>, Charge), NoRoom> {
        // Closed when the server stops; what is started then is for a request that is in flight.
        let turn = self.starts.acquire().await.ok();
        let room = budget.room(running, Duration::ZERO, deadline).await?;
        Ok((turn, room))
    }

    /// Waits for a call that finds no blank worker, where none waits already.
    pub(crate) async fn missed(&self) {
        // Its sender lives as long as the pool.
        let _ = self.waiting.subscribe().wait_for(|calls| *calls > 0).await;
    }

    pub(crate) fn refill(&self) {
        self.taken.notify_one();
    }

    /// Ends the blank workers, and starts no more ahead.
    pub(crate) fn close(&self) {
        self.starts.close();
        let ended = std::mem::take(&mut *self.lock());
        drop(ended);
    }

    /// Ends a blank worker.
    pub(crate) fn end_one(&self) {
        // Its folder goes with it, which others do not wait for.
        let ended = self.lock().pop_back();
        drop(ended);
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
        let next = || self.lock().pop_front();
        std::iter::from_fn(next).find_map(|mut blank| blank.is_alive().then_some(blank))
    }

    /// How many blank workers there should be.
    fn target(&self, limits: &Limits) -> usize {
        let (least, most) = (limits.blank_workers, limits.max_blank_workers);
        let now = std::time::Instant::now();
        self.demand().target(now, least, most)
    }

    fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether somebody waits for a process that is started now.
    fn is_starting(&self) -> bool {
        self.starts.available_permits() < self.concurrent_starts
    }

    fn demand(&self) -> MutexGuard<'_, Demand> {
        self.demand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Blank>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps as many blank workers ready as are wanted, where there is memory for them.
pub(crate) async fn keep_filled(shared: Weak<Shared>) {
    loop {
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let pool = &shared.pool;
        if pool.starts.is_closed() {
            return;
        }
        let (ready, target) = (pool.len(), pool.target(&shared.limits));
        if ready > target {
            pool.end_one();
        } else if ready == target || pool.is_starting() {
            wait_for_change(shared).await;
        } else if let Some(room) = room_for_one_more(&shared, ready).await {
            refill_one(&shared, room).await;
        } else {
            wait_for_change(shared).await;
        }
    }
}

/// The first few are worth more than a process that has not been used for a while; more than that are not.
async fn room_for_one_more(shared: &Shared, ready: usize) -> Option<Charge> {
    if ready >= shared.limits.blank_workers {
        return shared.budget.try_room();
    }
    let deadline = Instant::now() + PERIOD;
    let room = shared.budget.room(&shared.running, IDLE_ENOUGH, deadline);
    room.await.ok()
}

async fn refill_one(shared: &Arc<Shared>, room: Charge) {
    let started = Instant::now();
    match start_rehearsed(shared, room).await {
        Ok(blank) => {
            shared.pool.lock().push_back(blank);
            shared.pool.added.notify_one();
            // A pause as long as the work: the functions that run need the processor more.
            tokio::time::sleep(started.elapsed()).await;
        }
        Err(error) => {
            tracing::warn!(%error, "cannot start a blank worker");
            tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
        }
    }
}

async fn start_rehearsed(shared: &Arc<Shared>, room: Charge) -> Result<Blank, LoadError> {
    let mut blank = Blank::start(shared, Purpose::Serve, CpuShare::Rest, room).await?;
    blank.rehearse(shared).await?;
    Ok(blank)
}

/// Lets go of the engine while it waits, so that the wait does not keep it alive.
async fn wait_for_change(shared: Arc<Shared>) {
    let pool = Arc::clone(&shared.pool);
    drop(shared);
    let taken = pool.taken.notified();
    if tokio::time::timeout(PERIOD, taken).await.is_ok() {
        tokio::time::sleep(FIRST_CALL).await;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[tokio::test]
    async fn while_the_first_in_line_finds_no_room_nobody_behind_waits_longer() {
        let pool = Pool::new(1);
        let budget = Arc::new(Budget::new(Some(0)));
        let running = Running::default();
        let deadline = Instant::now() + Duration::from_secs(2);
        let mut turns: Vec<_> = (0..50)
            .map(|_| Box::pin(pool.turn(&budget, &running, deadline)))
            .collect();
        let mut look = |context: &mut Context<'_>| {
            turns.retain_mut(|turn| match turn.as_mut().poll(context) {
                Poll::Ready(refused) => refused.is_ok(),
                Poll::Pending => true,
            });
            turns.len()
        };
        assert_eq!(look(&mut Context::from_waker(Waker::noop())), 50);
        tokio::time::sleep_until(deadline).await;
        // Each leaves the line to the next one, and none of them sets another timer.
        assert_eq!(look(&mut Context::from_waker(Waker::noop())), 0);
    }

    #[tokio::test]
    async fn a_turn_comes_with_room_also_after_the_deadline() {
        let pool = Pool::new(1);
        let budget = Arc::new(Budget::new(Some(100)));
        let running = Running::default();
        let deadline = Instant::now();
        let first = pool.turn(&budget, &running, deadline).await.unwrap();
        let mut second = pin!(pool.turn(&budget, &running, deadline));
        let mut context = Context::from_waker(Waker::noop());
        assert!(second.as_mut().poll(&mut context).is_pending());
        drop(first);
        second.await.unwrap();
    }
}
