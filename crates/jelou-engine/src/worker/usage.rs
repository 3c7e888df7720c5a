//! The usage of a worker, by requests in flight and by their work after the response.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use uuid::Uuid;

use super::in_flight::InFlight;
use crate::transport::{CallFacts, WorkReports};

/// The bit of the field `count` that is set when the worker accepts no more requests.
const CLOSED: usize = 1 << (usize::BITS - 1);
/// Minimum time between two searches for overdue work.
const SEARCH_PERIOD: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(crate) struct Usage {
    pub(crate) in_flight: InFlight,
    /// Number of requests in flight, plus number of requests with work, and the bit [`CLOSED`].
    count: AtomicUsize,
    /// Notified when a closed worker is not in use any more.
    unused: Notify,
    /// Notified when work begins.
    work_began: Notify,
    /// Milliseconds since `started` when the last use ended.
    last_used_ms: AtomicUsize,
    started: Instant,
}

impl Default for Usage {
    /// Counts one request in flight, for the caller that starts the worker.
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
    /// Adds a request. Returns `false` if the worker accepts no more requests. A worker in use is not evicted. The
    /// caller must end the request with [`Usage::leave`].
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

    /// Removes the facts of a request, which [`Usage::begin`] recorded.
    pub(crate) fn end(&self, request_id: Uuid) {
        self.in_flight.end(request_id);
    }

    /// Returns the number of requests in flight, plus the number of requests with work.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed) & !CLOSED
    }

    pub(crate) fn is_open(&self) -> bool {
        self.count.load(Ordering::Acquire) & CLOSED == 0
    }

    pub(crate) fn close(&self) {
        self.count.fetch_or(CLOSED, Ordering::AcqRel);
    }

    /// Closes the worker if it is not in use. Returns whether it was closed.
    pub(crate) fn close_unused(&self) -> bool {
        self.count
            .compare_exchange(0, CLOSED, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Returns whether the worker is closed and not in use.
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

    /// Waits until the work of requests is not finished within `limit` after their responses. Returns these requests.
    /// Their work no longer counts as usage.
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

    /// Returns the time since the last use ended.
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
        // The count is raised first, because the work may be overdue immediately. A closed worker also counts the work,
        // because it accepted the request before it was closed.
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
