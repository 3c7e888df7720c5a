//! Log lines for failed calls. They have the same rate limit as a function's own log lines, because callers can cause
//! any number of failures.

use std::fmt::Display;
use std::sync::Arc;

use uuid::Uuid;

use super::Gateway;
use crate::registry::Function;

#[cold]
pub(crate) fn log(gateway: &Gateway, function: &Function, request_id: Uuid, error: &dyn Display) {
    let limit = gateway.limits.max_log_lines_per_second;
    log_at_most(limit, function, request_id, error);
}

/// Returns a function that logs a failure after the response head was sent.
pub(crate) fn later(
    gateway: &Gateway,
    function: &Arc<Function>,
    request_id: Uuid,
) -> impl FnOnce(&dyn Display) + Send + use<> {
    let limit = gateway.limits.max_log_lines_per_second;
    let function = Arc::clone(function);
    move |error| log_at_most(limit, &function, request_id, error)
}

fn log_at_most(limit: u64, function: &Function, request_id: Uuid, error: &dyn Display) {
    let allowed = function.failures_logged.count(limit);
    let function = &function.slug;
    if let Some(calls) = allowed.dropped {
        tracing::warn!(%function, "{calls} calls failed that were not logged: more than {limit} in a second (limits.max_log_lines_per_second)");
    }
    if allowed.line {
        tracing::warn!(%function, %request_id, %error, "call failed");
    }
}
