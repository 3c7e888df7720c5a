//! Whether a worker is in use: by requests in flight, or by their work after the answer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use uuid::Uuid;

use super::in_flight::InFlight;
use crate::transport::{CallFacts, WorkReports};

/// Set in [`Usage::count`] when the worker accepts no more requests.
const CLOSED: usize = 1 << (usize::BITS - 1);
/// The least time between two searches for overdue work.
const SEARCH_PERIOD: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(crate) struct Usage {
    pub(crate) in_flight: InFlight,
    /// Requests in flight, plus requests with work after their answer, and [`CLOSED`].
    count: AtomicUsize,
    /// Notified when a closed worker is no longer in use.
    unused: Notify,
    /// Notified when work begins.
    work_began: Notify,
    /// Milliseconds since `started` when the last use ended.
    last_used_ms: AtomicUsize,
    started: Instant,
}

impl Default for Usage {
    /// A new worker has one request in flight, for the caller that starts it.
    fn default() -> Self {
        Self {
            in_flight: InFlight::default(),
            count: AtomicUsize::new(1),
            unused: Notify::new(),
            work_began: Notify::new(),
            last_used_ms: AtomicUsize::new(0),
            started: Instant::now(),
        }
    }
}

impl Usage {
    /// Adds a request; `false` when the worker accepts no more. A worker in use is not evicted. The caller ends the
    /// request with [`Usage::leave`].
    pub(crate) fn try_enter(&self) -> bool {
        if self.count.fetch_add(1, Ordering::AcqRel) & CLOSED == 0 {
            return true;
        }
        self.leave();
        false
    }

    /// Ends a request that [`Usage::try_enter`] has added.
    pub(crate) fn leave(&self) {
        self.last_used_ms.store(self.age_ms(), Ordering::Relaxed);
        self.subtract();
    }

    fn subtract(&self) {
        if self.count.fetch_sub(1, Ordering::AcqRel) == CLOSED + 1 {
            self.unused.notify_waiters();
        }
    }

    /// Records the facts of a request, until [`Usage::end`].
    pub(crate) fn begin(&self, call: &CallFacts<'_>) -> Uuid {
        self.in_flight.begin(call)
    }

    /// Ends what [`Usage::begin`] has begun.
    pub(crate) fn end(&self, request_id: Uuid) {
        self.in_flight.end(request_id);
    }

    /// Requests in flight, and requests with work.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed) & !CLOSED
    }

    pub(crate) fn is_open(&self) -> bool {
        self.count.load(Ordering::Acquire) & CLOSED == 0
    }

    pub(crate) fn close(&self) {
        self.count.fetch_or(CLOSED, Ordering::AcqRel);
    }

    /// Closes the worker if it is not in use. Later requests find it closed.
    pub(crate) fn close_unused(&self) -> bool {
        self.count
            .compare_exchange(0, CLOSED, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Whether the worker is closed and not in use.
    pub(crate) fn is_over(&self) -> bool {
        self.count.load(Ordering::Acquire) == CLOSED
    }

    /// Completes when the worker is closed and not in use.
    pub(crate) async fn over(&self) {
        loop {
            let notified = self.unused.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if self.is_over() {
                return;
            }
            notified.await;
        }
    }

    /// Completes when work is not finished within `limit` after the answer. It no longer counts as use, and the
    /// requests are returned.
    pub(crate) async fn overdue_work(&self, limit: Duration) -> Vec<Uuid> {
        loop {
            let overdue = self.in_flight.end_overdue(limit);
            if !overdue.is_empty() {
                for _ in &overdue {
                    self.leave();
                }
                return overdue;
            }
            if self.in_flight.working() == 0 {
                self.work_began.notified().await;
            }
            tokio::time::sleep(SEARCH_PERIOD).await;
        }
    }

    /// Time since the last use.
    pub(crate) fn idle_for(&self) -> Duration {
        let last_used = self.last_used_ms.load(Ordering::Relaxed);
        Duration::from_millis(self.age_ms().saturating_sub(last_used) as u64)
    }

    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    fn age_ms(&self) -> usize {
        usize::try_from(self.started.elapsed().as_millis()).unwrap_or(usize::MAX)
    }
}

impl WorkReports for Usage {
    fn began(&self, request_id: Uuid) {
        // Counted first, because the work may be overdue at once. A closed worker accepted the request before.
        self.count.fetch_add(1, Ordering::AcqRel);
        if self.in_flight.begin_work(request_id) {
            self.work_began.notify_one();
        } else {
            self.subtract();
        }
    }

    fn ended(&self, request_id: Uuid) {
        if self.in_flight.end_work(request_id) {
            self.leave();
        }
    }
}
