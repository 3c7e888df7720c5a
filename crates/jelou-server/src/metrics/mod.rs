//! Metrics: counters and histograms of calls, processes and builds.
//!
//! - `counters`: the counters. Counting a call costs a few additions, without a lock or an allocation.
//! - `scrape`, `exposition`: `GET /metrics`
//! - `traffic`: the counts of each minute, which are stored for `jelou functions info`

mod counters;
mod exposition;
mod process;
mod scrape;
mod traffic;

use std::time::Duration;

use jelou_core::Histogram;

pub(crate) use counters::{Counter, FunctionCounters, Refusals, ServerCounters};
pub(crate) use exposition::CONTENT_TYPE;
pub(crate) use scrape::Scrape;
pub(crate) use traffic::Traffic;

use crate::registry::Registry;

#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) server: ServerCounters,
    pub(crate) refusals: Refusals,
    /// How long calls waited for a permit.
    pub(crate) queue_waits: Histogram,
    /// How long starts of processes took, from the decision until calls can be sent.
    pub(crate) process_starts: Histogram,
    pub(crate) builds: Histogram,
    pub(crate) failed_builds: Histogram,
}

#[derive(Debug, Default)]
pub(crate) struct FunctionMetrics {
    pub(crate) counters: FunctionCounters,
    /// Durations of calls, until the head of the response.
    pub(crate) durations: Histogram,
}

impl FunctionMetrics {
    /// Counts a call. `duration` is the time until the head of the response.
    pub(crate) fn count(&self, status: u16, duration: Duration, is_cold: bool) {
        self.counters.of_status(status).increment();
        if is_cold {
            self.counters.cold_starts.increment();
        }
        self.durations.record(duration);
    }
}

impl Metrics {
    /// Logs the number of calls since the server's start.
    pub(crate) fn log(&self, registry: &Registry) {
        let (mut succeeded, mut failed) = (0, 0);
        let mut refused = self.server.requests_without_function.get();
        for function in registry.functions() {
            let counters = &function.metrics.counters;
            let fine = [
                &counters.calls_1xx,
                &counters.calls_2xx,
                &counters.calls_3xx,
            ];
            succeeded += fine.into_iter().map(Counter::get).sum::<u64>();
            refused += counters.calls_4xx.get();
            failed += counters.calls_5xx.get();
        }
        tracing::info!(succeeded, refused, failed, "calls since the start");
    }
}
