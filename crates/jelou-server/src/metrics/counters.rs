//! Counters. To add one, add a line to a `counters!` block and call [`Counter::increment`] where the event happens.
//! `GET /metrics` shows all counters; the traffic of a function shows the function's counters.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn increment(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How a counter is exposed.
#[derive(Debug)]
pub(crate) struct Exposed {
    /// The counter's name in the traffic of a function.
    pub(crate) field: &'static str,
    /// The name of the metric family. Counters of one family are listed one after another.
    pub(crate) family: &'static str,
    /// The counter's label within the family, such as `class="2xx"`. May be empty.
    pub(crate) label: &'static str,
    pub(crate) help: &'static str,
}

macro_rules! counters {
    (
        $(#[$doc:meta])*
        $name:ident {
            $($field:ident: $family:literal, $label:literal, $help:literal;)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(crate) struct $name {
            $(pub(crate) $field: Counter,)*
        }

        impl $name {
            pub(crate) const EXPOSED: &'static [Exposed] = &[
                $(Exposed { field: stringify!($field), family: $family, label: $label, help: $help },)*
            ];

            /// Returns the values in the order of [`Self::EXPOSED`].
            pub(crate) fn read(&self) -> Vec<u64> {
                vec![$(self.$field.get(),)*]
            }
        }
    };
}

counters! {
    /// The counters of one function.
    FunctionCounters {
        calls_1xx: "jelou_calls_total", r#"class="1xx""#, "Calls of the function, by class of status. An MCP call has the status of its tool.";
        calls_2xx: "jelou_calls_total", r#"class="2xx""#, "";
        calls_3xx: "jelou_calls_total", r#"class="3xx""#, "";
        calls_4xx: "jelou_calls_total", r#"class="4xx""#, "";
        calls_5xx: "jelou_calls_total", r#"class="5xx""#, "";
        cold_starts: "jelou_cold_starts_total", "", "Calls that waited for the start of a process.";
        process_starts: "jelou_process_starts_total", "", "Processes of the function that were started.";
        crashes: "jelou_process_ends_total", r#"reason="crash""#, "Processes of the function that ended unwanted, by reason.";
        over_memory: "jelou_process_ends_total", r#"reason="memory""#, "";
        stalls: "jelou_process_ends_total", r#"reason="stall""#, "";
        closed_channels: "jelou_process_ends_total", r#"reason="channel""#, "";
        log_lines_dropped: "jelou_log_lines_dropped_total", "", "Lines over limits.max_log_lines_per_second.";
        calls_unrecorded: "jelou_calls_unrecorded_total", "", "Calls over logs.max_calls_per_second, which have no record.";
    }
}

counters! {
    /// The counters of the server.
    ServerCounters {
        requests_without_function: "jelou_requests_without_function_total", "", "Requests for a host that no function has.";
        connections_refused: "jelou_connections_refused_total", "", "Connections over connections.max.";
        token_flushes: "jelou_token_use_flushes_total", r#"result="ok""#, "Batches of times of last use of tokens that were stored, or could not be.";
        token_flushes_failed: "jelou_token_use_flushes_total", r#"result="error""#, "";
        access_lines_dropped: "jelou_access_lines_dropped_total", "", "Lines of the access log that were not written.";
        telemetry_sent: "jelou_telemetry_records_total", r#"result="ok""#, "Spans and log records for the collector (otlp.endpoint), by result.";
        telemetry_failed: "jelou_telemetry_records_total", r#"result="refused""#, "";
        telemetry_dropped: "jelou_telemetry_records_total", r#"result="dropped""#, "";
        traffic_flushes: "jelou_traffic_flushes_total", r#"result="ok""#, "Batches of counts of calls that were stored, or could not be.";
        traffic_flushes_failed: "jelou_traffic_flushes_total", r#"result="error""#, "";
    }
}

impl FunctionCounters {
    pub(super) fn of_status(&self, status: u16) -> &Counter {
        match status {
            ..200 => &self.calls_1xx,
            200..300 => &self.calls_2xx,
            300..400 => &self.calls_3xx,
            400..500 => &self.calls_4xx,
            500.. => &self.calls_5xx,
        }
    }
}

/// Counts the platform's own responses by error code.
#[derive(Debug, Default)]
pub(crate) struct Refusals([Counter; Self::REASONS.len()]);

impl Refusals {
    /// The codes of `gateway::answer`. All others are counted as `other`.
    const REASONS: [&'static str; 15] = [
        "unauthorized",
        "forbidden",
        "rate_limited",
        "bad_target",
        "no_deployment",
        "no_route",
        "method_not_allowed",
        "invalid_identity",
        "payload_too_large",
        "process_failed",
        "loop",
        "unavailable",
        "stale",
        "timeout",
        "other",
    ];

    pub(crate) fn count(&self, reason: &str) {
        let found = Self::REASONS.iter().position(|known| *known == reason);
        self.0[found.unwrap_or(Self::REASONS.len() - 1)].increment();
    }

    pub(super) fn read(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Self::REASONS
            .into_iter()
            .zip(self.0.iter().map(Counter::get))
    }
}
