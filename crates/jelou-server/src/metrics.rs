//! Counters of the data plane. The server logs them at shutdown.

use std::sync::atomic::{AtomicU64, Ordering};

use http::StatusCode;

/// Responses to callers of functions, by status class.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    succeeded: AtomicU64,
    /// Status 4xx.
    refused: AtomicU64,
    /// Status 5xx.
    failed: AtomicU64,
}

impl Metrics {
    /// Counts a response of a function or of the gateway.
    pub(crate) fn count(&self, status: StatusCode) {
        let counter = if status.is_server_error() {
            &self.failed
        } else if status.is_client_error() {
            &self.refused
        } else {
            &self.succeeded
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn log(&self) {
        let [succeeded, refused, failed] = [&self.succeeded, &self.refused, &self.failed]
            .map(|counter| counter.load(Ordering::Relaxed));
        tracing::info!(succeeded, refused, failed, "calls since the start");
    }
}
