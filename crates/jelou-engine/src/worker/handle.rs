//! A running worker for its callers: requests in flight, memory, load, and whether it accepts requests.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jelou_core::Slug;
use tokio::sync::Notify;

use crate::capacity::Charge;
use crate::transport::{Channels, Connections};

/// Set in [`Worker::requests`] when the worker accepts no more requests.
const CLOSED: usize = 1 << (usize::BITS - 1);

/// A process that has a function.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) function: Slug,
    pub(crate) charge: Charge,
    /// Percent of the time that the event loop has run, as the watchdog measures it.
    pub(crate) running_percent: AtomicU32,
    /// Percent of the time that the event loop has waited for a core.
    pub(crate) waiting_percent: AtomicU32,
    pub(crate) channels: Channels,
    pub(crate) connections: Connections,
    /// Requests in flight, and [`CLOSED`].
    requests: AtomicUsize,
    /// Notified when the last request of a closed worker has ended.
    drained: Notify,
    /// Notified when the process must end.
    pub(super) end: Notify,
    /// Notified when a caller finds a closed connection.
    pub(super) broken: Notify,
    /// Milliseconds since `started` when the last request ended.
    last_used_ms: AtomicUsize,
    started: Instant,
    /// Whether the process ended on its own, or because it exceeded a limit.
    crashed: AtomicBool,
}

impl Worker {
    /// The worker starts with one request in flight, for the caller that starts it.
    pub(super) fn new(
        function: Slug,
        charge: Charge,
        channels: Channels,
        connections: Connections,
    ) -> Self {
        Self {
            function,
            charge,
            running_percent: AtomicU32::new(0),
            waiting_percent: AtomicU32::new(0),
            channels,
            connections,
            requests: AtomicUsize::new(1),
            drained: Notify::new(),
            end: Notify::new(),
            broken: Notify::new(),
            last_used_ms: AtomicUsize::new(0),
            started: Instant::now(),
            crashed: AtomicBool::new(false),
        }
    }

    /// Adds a request; `false` when the worker accepts no more. A worker with a request in flight is not evicted. The
    /// caller ends the request with [`Worker::leave`].
    pub(crate) fn try_enter(&self) -> bool {
        if self.requests.fetch_add(1, Ordering::AcqRel) & CLOSED == 0 {
            return true;
        }
        self.leave();
        false
    }

    /// Ends a request that [`Worker::try_enter`] has added.
    pub(crate) fn leave(&self) {
        self.last_used_ms.store(self.age_ms(), Ordering::Relaxed);
        if self.requests.fetch_sub(1, Ordering::AcqRel) == CLOSED + 1 {
            self.drained.notify_waiters();
        }
    }

    /// Requests in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.requests.load(Ordering::Relaxed) & !CLOSED
    }

    /// Whether the worker accepts requests.
    pub(crate) fn is_open(&self) -> bool {
        self.requests.load(Ordering::Acquire) & CLOSED == 0
    }

    pub(crate) fn has_crashed(&self) -> bool {
        self.crashed.load(Ordering::Acquire)
    }

    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Whether the worker is closed and idle, but its process has not ended yet.
    pub(crate) fn is_ending(&self) -> bool {
        self.requests.load(Ordering::Acquire) == CLOSED && !self.has_ended()
    }

    /// Whether the process has ended. The supervisor then releases its memory.
    pub(crate) fn has_ended(&self) -> bool {
        self.charge.bytes() == 0
    }

    /// Time since the last request.
    pub(crate) fn idle_for(&self) -> Duration {
        let last_used = self.last_used_ms.load(Ordering::Relaxed);
        Duration::from_millis(self.age_ms().saturating_sub(last_used) as u64)
    }

    /// Closes the worker, waits for requests in flight, then ends the process.
    pub(crate) async fn drain(&self, timeout: Duration) {
        self.close();
        let drained = async {
            loop {
                let notified = self.drained.notified();
                tokio::pin!(notified);
                notified.as_mut().enable();
                if self.requests.load(Ordering::Acquire) == CLOSED {
                    return;
                }
                notified.await;
            }
        };
        if tokio::time::timeout(timeout, drained).await.is_err() {
            tracing::warn!(
                timeout_ms = timeout.as_millis(),
                "requests still in flight at the end of the drain (limits.drain_timeout_ms)"
            );
        }
        self.kill();
    }

    /// Ends the process if it has been idle for `timeout`. Returns whether it does.
    pub(crate) fn end_if_idle(&self, timeout: Duration) -> bool {
        if self.idle_for() < timeout {
            return false;
        }
        // Fails if a request has started in the meantime. Later requests find the worker closed.
        let closed = self
            .requests
            .compare_exchange(0, CLOSED, Ordering::AcqRel, Ordering::Acquire)
            .is_ok();
        if closed {
            self.kill();
        }
        closed
    }

    /// Closes the worker because its process has closed a connection, which happens when it ends. Callers use another
    /// process from now on, even before the supervisor detects the end.
    pub(crate) fn close_broken(&self) {
        if self.is_open() {
            self.close_crashed();
            self.broken.notify_one();
        }
    }

    pub(super) fn close_crashed(&self) {
        self.crashed.store(true, Ordering::Release);
        self.close();
    }

    pub(super) fn close(&self) {
        self.requests.fetch_or(CLOSED, Ordering::AcqRel);
    }

    /// Closes all connections to the process.
    pub(super) fn disconnect(&self) {
        self.channels.clear();
        self.connections.clear();
    }

    fn kill(&self) {
        self.disconnect();
        self.end.notify_one();
    }

    fn age_ms(&self) -> usize {
        usize::try_from(self.started.elapsed().as_millis()).unwrap_or(usize::MAX)
    }
}
