//! The record of each call in the log of its function.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::{Method, Response, StatusCode};
use http_body::Body as _;
use jelou_core::{Slug, TokenId};
use jelou_engine::Lease;
use jelou_logs::{CallEntry, CallTrace, Entry, EntryContent, EventEntry, Level, Logs, Protocol};
use uuid::Uuid;

use super::answer::OwnAnswer;
use super::body::Sent;
use super::{Caller, Gateway, GatewayBody};
use crate::access_log::AccessLog;
use crate::registry::{AddressClass, Function, Live};
use crate::telemetry::TraceContext;

/// Notes that the steps of a call make for its record.
#[derive(Debug)]
pub(crate) struct CallNotes {
    started: Instant,
    /// The index of the tool in the manifest.
    pub(crate) tool: OnceLock<usize>,
    pub(crate) token: OnceLock<TokenId>,
    pub(crate) is_mcp: AtomicBool,
    pub(crate) is_cron: AtomicBool,
    pub(crate) is_cold: AtomicBool,
    /// The status of an MCP tool's result, which differs from the status of the HTTP response. 0 if there is none.
    pub(crate) tool_status: AtomicU16,
    pub(crate) error: OnceLock<&'static str>,
    /// The trace context of the call; `None` if the call is not traced.
    pub(crate) trace: Option<TraceContext>,
    pub(crate) lease: OnceLock<LeaseTimes>,
}

/// How long a call waited for a process, and when it got one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LeaseTimes {
    queue: Duration,
    start: Duration,
    /// Time from the start of the call to the lease.
    leased: Duration,
}

impl CallNotes {
    pub(crate) fn start(trace: Option<TraceContext>) -> Self {
        Self {
            started: Instant::now(),
            tool: OnceLock::new(),
            token: OnceLock::new(),
            is_mcp: AtomicBool::new(false),
            is_cron: AtomicBool::new(false),
            is_cold: AtomicBool::new(false),
            tool_status: AtomicU16::new(0),
            error: OnceLock::new(),
            trace,
            lease: OnceLock::new(),
        }
    }

    /// Notes the lease of a process.
    pub(crate) fn leased(&self, lease: &Lease) {
        if lease.is_cold() {
            self.is_cold.store(true, Ordering::Relaxed);
        }
        let (queue, start) = lease.waits();
        // Set once for each call. A second lease, after a deploy, reports the same waits.
        let _ = self.lease.set(LeaseTimes {
            queue,
            start,
            leased: self.elapsed(),
        });
    }

    /// Returns the status of the call. For an MCP call, this is the status of the tool's result.
    pub(crate) fn status(&self, response: StatusCode) -> u16 {
        match self.tool_status.load(Ordering::Relaxed) {
            0 => response.as_u16(),
            status => status,
        }
    }

    /// Returns the time since the call began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Data of the request's head, for the record of the call.
#[derive(Debug)]
pub(crate) struct CallHead<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) bytes_in: Option<u64>,
    pub(crate) caller: Caller,
    pub(crate) request_id: Uuid,
}

/// Counts the call, and records it when its response is complete.
pub(crate) fn record(
    gateway: &Gateway,
    function: &Function,
    live: Option<&Live>,
    notes: CallNotes,
    head: CallHead<'_>,
    response: &mut Response<GatewayBody>,
) {
    let status = notes.status(response.status());
    let is_cold = notes.is_cold.load(Ordering::Relaxed);
    let elapsed = notes.elapsed();
    function.metrics.count(status, elapsed, is_cold);
    count_use(gateway, (status, elapsed), &notes, &head, response);
    let now_ms = gateway.clock.now_ms();
    let deployment = live.map(|live| live.slot.spec().deployment.clone());
    let mut is_recorded = true;
    if status < 500 {
        let admitted = function
            .calls_recorded
            .admit(now_ms, gateway.max_calls_per_second);
        if let Some(skipped) = admitted.skipped {
            gateway.logs.send(Entry {
                function: function.id.clone(),
                at_ms: now_ms,
                deployment: deployment.clone(),
                sample: 1.0,
                content: EntryContent::Event(EventEntry {
                    level: Level::Info,
                    event: "calls.sampled",
                    message: format!(
                        "{skipped} calls were not recorded: more than {} in a second (logs.max_calls_per_second, a server setting)",
                        gateway.max_calls_per_second
                    ),
                    request_id: None,
                }),
            });
        }
        is_recorded = admitted.is_recorded;
        if !is_recorded {
            function.metrics.counters.calls_unrecorded.increment();
            if gateway.access_log.is_none() {
                return;
            }
        }
    }
    let tool = live.zip(notes.tool.get());
    let lease = notes.lease.get().copied();
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let wait =
        |wait: fn(&LeaseTimes) -> Duration| lease.as_ref().map_or(0, |lease| micros(wait(lease)));
    let trace = notes.trace;
    let exported = trace.filter(|trace| trace.is_sampled && gateway.telemetry.is_some());
    let error = notes.error.get().copied();
    let error = error.or_else(|| response.extensions().get::<OwnAnswer>().map(|own| own.code));
    let entry = CallEntry {
        request_id: head.request_id,
        status,
        duration_us: 0,
        cold: is_cold,
        queue_us: wait(|lease| lease.queue),
        start_us: wait(|lease| lease.start),
        method: method_name(head.method),
        path: head.path.into(),
        tool: tool.map(|(live, tool)| (std::sync::Arc::clone(&live.manifest), *tool)),
        token: notes.token.into_inner(),
        protocol: if notes.is_mcp.into_inner() {
            Protocol::Mcp
        } else if notes.is_cron.into_inner() {
            Protocol::Cron
        } else {
            Protocol::Http
        },
        bytes_in: head.bytes_in,
        bytes_out: 0,
        hops: head.caller.hops,
        error,
        trace_id: trace
            .filter(|trace| trace.parent.is_some())
            .map(|trace| trace.trace),
        trace: exported.map(|trace| CallTrace {
            trace: trace.trace,
            parent: trace.parent,
            span: trace.span,
            leased_us: lease.map(|lease| micros(lease.leased)),
            head_us: micros(elapsed),
        }),
    };
    let unsent = UnsentRecord {
        logs: is_recorded.then(|| gateway.logs.clone()),
        access: gateway.access_log.clone().map(|log| Accessed {
            log,
            slug: function.slug.clone(),
            address: head.caller.address,
        }),
        started: notes.started,
        clock: gateway.clock.clone(),
        entry: Some(Entry {
            function: function.id.clone(),
            at_ms: now_ms,
            deployment,
            sample: live.map_or(1.0, |live| live.manifest.logs.sample),
            content: EntryContent::Call(Box::new(entry)),
        }),
    };
    match response.body_mut() {
        GatewayBody::Worker(body) => body.record = Some(unsent),
        other => unsent.send(other.size_hint().exact().unwrap_or_default()),
    }
}

/// Counts the call for its token. Calls that a limit refused are already counted where they are refused.
fn count_use(
    gateway: &Gateway,
    (status, elapsed): (u16, Duration),
    notes: &CallNotes,
    head: &CallHead<'_>,
    response: &Response<GatewayBody>,
) {
    let Some(token) = notes.token.get() else {
        return;
    };
    let own = response.extensions().get::<OwnAnswer>();
    if own.is_some_and(|own| matches!(own.code, "forbidden" | "rate_limited")) {
        return;
    }
    let address = head.caller.address;
    let recorded = address.filter(|_| gateway.records_addresses);
    let class = AddressClass::of(address);
    let usage = &gateway.registry.token_usage;
    usage.called(token, status, elapsed, class, recorded);
}

/// The record of a call whose response is not complete.
#[derive(Debug)]
pub(crate) struct UnsentRecord {
    /// `None` if the call is only in the access log.
    logs: Option<Logs>,
    access: Option<Accessed>,
    started: Instant,
    clock: jelou_core::Clock,
    entry: Option<Entry>,
}

impl UnsentRecord {
    pub(super) fn send(mut self, sent: Sent) {
        let Some(mut entry) = self.entry.take() else {
            return;
        };
        if let EntryContent::Call(call) = &mut entry.content {
            let micros = self.started.elapsed().as_micros();
            call.duration_us = u64::try_from(micros).unwrap_or(u64::MAX);
            call.bytes_out = sent;
            if let Some(Accessed { log, slug, address }) = &self.access {
                log.call((slug, &entry.function), *address, call);
            }
        }
        entry.at_ms = self.clock.now_ms();
        if let Some(logs) = &self.logs {
            logs.send(entry);
        }
    }
}

/// Fields of the access log that the record does not have.
#[derive(Debug)]
struct Accessed {
    log: AccessLog,
    slug: Slug,
    address: Option<IpAddr>,
}

fn method_name(method: Method) -> Cow<'static, str> {
    Cow::Borrowed(match method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        other => return Cow::Owned(other.as_str().to_owned()),
    })
}

/// Limits the number of recorded calls of a function per second.
#[derive(Debug, Default)]
pub(crate) struct CallRate(
    /// Upper 32 bits: the second. Lower 32 bits: the number of its calls.
    AtomicU64,
);

pub(crate) struct Admitted {
    is_recorded: bool,
    /// Number of unrecorded calls of the last busy second. Reported only once.
    skipped: Option<u64>,
}

impl CallRate {
    fn admit(&self, now_ms: i64, limit: u64) -> Admitted {
        const COUNT: u64 = u32::MAX as u64;
        let second = (now_ms.unsigned_abs() / 1000) << 32;
        let seen = self.0.load(Ordering::Relaxed);
        if seen & !COUNT != second {
            let first =
                self.0
                    .compare_exchange(seen, second | 1, Ordering::Relaxed, Ordering::Relaxed);
            if first.is_ok() {
                let skipped = (seen & COUNT).saturating_sub(limit);
                return Admitted {
                    is_recorded: true,
                    skipped: (skipped > 0).then_some(skipped),
                };
            }
        }
        let before = self.0.fetch_add(1, Ordering::Relaxed) & COUNT;
        Admitted {
            is_recorded: before < limit,
            skipped: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surplus_calls_of_a_second_are_counted() {
        let rate = CallRate::default();
        let recorded = (0..10).filter(|_| rate.admit(5_000, 3).is_recorded).count();
        assert_eq!(recorded, 3);
        let next = rate.admit(6_000, 3);
        assert!(next.is_recorded);
        assert_eq!(next.skipped, Some(7));
        assert_eq!(rate.admit(7_000, 3).skipped, None);
    }
}
