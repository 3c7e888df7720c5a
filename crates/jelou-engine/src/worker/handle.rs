//! The handle of a running worker: its usage, memory and load, and whether it accepts requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use jelou_core::{Limits, Slug};
use tokio::sync::Notify;

use super::terms::LaunchTerms;
use super::usage::Usage;

use crate::capacity::Charge;
use crate::debugger::Debuggers;
use crate::transport::{Channels, Connections};

/// A worker whose process has loaded a function.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) function: Slug,
    pub(crate) terms: LaunchTerms,
    pub(crate) charge: Charge,
    /// Percentage of the time in which the event loop ran. Measured by the watchdog.
    pub(crate) running_percent: AtomicU32,
    /// Percentage of the time in which the event loop waited for a core. Measured by the watchdog.
    pub(crate) waiting_percent: AtomicU32,
    pub(crate) channels: Channels,
    pub(crate) connections: Connections,
    pub(crate) usage: Arc<Usage>,
    /// Whether the process stays loaded without calls (`keepWarm`).
    pub(crate) stays_loaded: AtomicBool,
    debuggers: Option<Arc<Debuggers>>,
    /// Notified when the process must end.
    pub(super) end: Notify,
    /// Notified when a caller finds a closed connection.
    pub(super) broken: Notify,
    /// Whether the process ended on its own, or because it exceeded a limit.
    crashed: AtomicBool,
}

impl Worker {
    pub(super) fn new(
        function: Slug,
        terms: LaunchTerms,
        usage: Arc<Usage>,
        charge: Charge,
        channels: Channels,
        connections: Connections,
        debuggers: Option<Arc<Debuggers>>,
    ) -> Self {
        Self {
            function,
            terms,
            charge,
            running_percent: AtomicU32::new(0),
            waiting_percent: AtomicU32::new(0),
            channels,
            connections,
            usage,
            stays_loaded: AtomicBool::new(false),
            debuggers,
            end: Notify::new(),
            broken: Notify::new(),
            crashed: AtomicBool::new(false),
        }
    }

    /// Returns whether the worker accepts requests.
    pub(crate) fn is_open(&self) -> bool {
        self.usage.is_open()
    }

    pub(crate) fn stays_loaded(&self) -> bool {
        self.stays_loaded.load(Ordering::Relaxed)
    }

    /// Returns whether a debugger is attached, which may stop the process at any time.
    pub(crate) fn is_debugged(&self) -> bool {
        let debuggers = self.debuggers.as_ref();
        debuggers.is_some_and(|debuggers| debuggers.is_attached())
    }

    pub(crate) fn has_crashed(&self) -> bool {
        self.crashed.load(Ordering::Acquire)
    }

    /// Returns whether the worker is closed and not in use, but its process has not ended yet.
    pub(crate) fn is_ending(&self) -> bool {
        self.usage.is_over() && !self.has_ended()
    }

    /// Returns whether the process has ended. The supervisor sets the charge to 0 at the end.
    pub(crate) fn has_ended(&self) -> bool {
        self.charge.bytes() == 0
    }

    /// Closes the worker, waits for its requests in flight and for their work after the answer, then ends the process.
    pub(crate) async fn drain(&self, limits: &Limits) {
        self.close();
        let timeout = limits.drain_timeout();
        if tokio::time::timeout(timeout, self.usage.over())
            .await
            .is_err()
        {
            if self.usage.in_flight.unanswered() > 0 {
                tracing::warn!(
                    timeout_ms = timeout.as_millis(),
                    "requests still in flight at the end of the drain (limits.drain_timeout_ms, a server setting)"
                );
            } else {
                // A request may have been answered late. Its work still gets the complete background timeout.
                let rest = limits.background_timeout();
                let _ = tokio::time::timeout(rest, self.usage.over()).await;
            }
        }
        self.kill();
    }

    /// Ends the process if it was idle for `timeout`. Returns whether the process ends.
    pub(crate) fn end_if_idle(&self, timeout: Duration) -> bool {
        let ends =
            !self.is_debugged() && self.usage.idle_for() >= timeout && self.usage.close_unused();
        if ends {
            self.kill();
        }
        ends
    }

    /// Closes the worker because its process has closed a connection. A process does this when it ends. So later
    /// requests use another process, even before the supervisor detects the end.
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
        self.usage.close();
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
}
