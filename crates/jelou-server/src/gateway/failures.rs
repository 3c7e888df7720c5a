//! Log lines for failed calls. They have the same rate limit as a function's own log lines, because callers can cause
//! any number of failures.

use std::fmt::Display;
use std::sync::Arc;

use jelou_core::Clock;
use jelou_logs::{Entry, EntryContent, EventEntry, Level, Logs};
use uuid::Uuid;

use super::Gateway;
use crate::registry::Function;

#[cold]
pub(crate) fn log(gateway: &Gateway, function: &Function, request_id: Uuid, error: &dyn Display) {
    log_at_most(&Context::of(gateway), function, request_id, error);
}

/// Returns a function that logs a failure which happens after the response head was sent.
pub(crate) fn later(
    gateway: &Gateway,
    function: &Arc<Function>,
    request_id: Uuid,
) -> impl FnOnce(&dyn Display) + Send + use<> {
    let context = Context::of(gateway);
    let function = Arc::clone(function);
    move |error| log_at_most(&context, &function, request_id, error)
}

/// Parts of the gateway that are needed to log a failure.
struct Context {
    limit: u64,
    logs: Logs,
    clock: Clock,
}

impl Context {
    fn of(gateway: &Gateway) -> Self {
        Self {
            limit: gateway.limits.max_log_lines_per_second,
            logs: gateway.logs.clone(),
            clock: gateway.clock.clone(),
        }
    }
}

fn log_at_most(context: &Context, function: &Function, request_id: Uuid, error: &dyn Display) {
    let limit = context.limit;
    let allowed = function.failures_logged.count(limit);
    let live = function.live.load();
    let deployment = live
        .as_ref()
        .map(|live| live.slot.spec().deployment.clone());
    let id = &function.id;
    let function = &function.slug;
    if let Some(calls) = allowed.dropped {
        tracing::warn!(%function, "{calls} calls failed that were not logged: more than {limit} in a second (limits.max_log_lines_per_second, a server setting)");
    }
    if allowed.line {
        tracing::warn!(%function, %request_id, %error, "call failed");
        context.logs.send(Entry {
            function: id.clone(),
            at_ms: context.clock.now_ms(),
            deployment,
            sample: 1.0,
            content: EntryContent::Event(EventEntry {
                level: Level::Error,
                event: "call.failed",
                message: error.to_string(),
                request_id: Some(request_id),
            }),
        });
    }
}
