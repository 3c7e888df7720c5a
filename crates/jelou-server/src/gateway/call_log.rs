//! The record of each call in the log of its function.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::time::Instant;

use http::{Method, Response};
use http_body::Body as _;
use jelou_core::TokenId;
use jelou_logs::{CallEntry, Entry, EventEntry, Level, Logs, Protocol, What};
use uuid::Uuid;

use super::answer::ErrorCode;
use super::body::Sent;
use super::{Caller, Gateway, GatewayBody};
use crate::registry::{Function, Live};

/// What the steps of a call note for its record.
#[derive(Debug)]
pub(crate) struct CallNotes {
    started: Instant,
    /// The index of the tool in the manifest.
    pub(crate) tool: OnceLock<usize>,
    pub(crate) token: OnceLock<TokenId>,
    pub(crate) is_mcp: AtomicBool,
    pub(crate) is_cron: AtomicBool,
    pub(crate) is_cold: AtomicBool,
    /// The status of a tool's result, which differs from that of its MCP response; 0 without one.
    pub(crate) tool_status: AtomicU16,
    pub(crate) error: OnceLock<&'static str>,
}

impl CallNotes {
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
            tool: OnceLock::new(),
            token: OnceLock::new(),
            is_mcp: AtomicBool::new(false),
            is_cron: AtomicBool::new(false),
            is_cold: AtomicBool::new(false),
            tool_status: AtomicU16::new(0),
            error: OnceLock::new(),
        }
    }
}

/// The head of the call, for its record.
#[derive(Debug)]
pub(crate) struct CallHead<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) bytes_in: Option<u64>,
    pub(crate) caller: Caller,
    pub(crate) request_id: Uuid,
}

/// Records the call when its response is complete.
pub(crate) fn record(
    gateway: &Gateway,
    function: &Function,
    live: Option<&Live>,
    notes: CallNotes,
    head: CallHead<'_>,
    response: &mut Response<GatewayBody>,
) {
    let status = match notes.tool_status.into_inner() {
        0 => response.status().as_u16(),
        status => status,
    };
    let now_ms = gateway.clock.now_ms();
    let deployment = live.map(|live| live.slot.spec().deployment.clone());
    if status < 500 {
        let admitted = function
            .calls_recorded
            .admit(now_ms, gateway.max_calls_per_second);
        if let Some(skipped) = admitted.skipped {
            gateway.logs.send(Entry {
                function: function.id.clone(),
                at_ms: now_ms,
                deployment: deployment.clone(),
                what: What::Event(EventEntry {
                    level: Level::Info,
                    event: "calls.sampled",
                    message: format!(
                        "{skipped} calls were not recorded: more than {} in a second (logs.max_calls_per_second)",
                        gateway.max_calls_per_second
                    ),
                    request_id: None,
                }),
            });
        }
        if !admitted.is_recorded {
            return;
        }
    }
    let tool = live.zip(notes.tool.get());
    let error = notes.error.get().copied();
    let error = error.or_else(|| response.extensions().get::<ErrorCode>().map(|code| code.0));
    let entry = CallEntry {
        request_id: head.request_id,
        status,
        duration_us: 0,
        cold: notes.is_cold.into_inner(),
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
    };
    let unsent = UnsentRecord {
        logs: gateway.logs.clone(),
        started: notes.started,
        clock: gateway.clock.clone(),
        entry: Some(Entry {
            function: function.id.clone(),
            at_ms: now_ms,
            deployment,
            what: What::Call(Box::new(entry)),
        }),
    };
    match response.body_mut() {
        GatewayBody::Worker(body) => body.record = Some(unsent),
        other => unsent.send(other.size_hint().exact().unwrap_or_default()),
    }
}

/// The record of a call whose response is not complete.
#[derive(Debug)]
pub(crate) struct UnsentRecord {
    logs: Logs,
    started: Instant,
    clock: jelou_core::Clock,
    entry: Option<Entry>,
}

impl UnsentRecord {
    pub(super) fn send(mut self, sent: Sent) {
        let Some(mut entry) = self.entry.take() else {
            return;
        };
        if let What::Call(call) = &mut entry.what {
            let micros = self.started.elapsed().as_micros();
            call.duration_us = u64::try_from(micros).unwrap_or(u64::MAX);
            call.bytes_out = sent;
        }
        entry.at_ms = self.clock.now_ms();
        self.logs.send(entry);
    }
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

/// Limits the recorded calls of a function in each second.
#[derive(Debug, Default)]
pub(crate) struct CallRate(
    /// The second in the upper half, the number of its calls in the lower one.
    AtomicU64,
);

pub(crate) struct Admitted {
    is_recorded: bool,
    /// The calls of the last busy second that were not recorded, once.
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
