//! Log lines for refused requests to the management API: who requested what, and the error code. A line never contains
//! a body or a token.

use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::request::Parts;
use jelou_core::ErrorCode;

use crate::gateway::Caller;
use crate::gateway::refusals::shown;
use crate::log_limit::LogLimit;

/// Maximum lines per second. Callers without an access token can cause any number of refusals.
const MAX_LINES_PER_SECOND: u64 = 20;

/// The name of the access token of a request, once the request is authenticated.
#[derive(Debug, Clone, Default)]
pub(super) struct AskedBy(Arc<OnceLock<String>>);

impl AskedBy {
    /// Stores the name for the log line of a refusal.
    pub(super) fn note(parts: &Parts, name: &str) {
        if let Some(Self(asked_by)) = parts.extensions.get() {
            let _ = asked_by.set(name.to_owned());
        }
    }
}

/// The error of a refused request, for the log.
#[derive(Debug, Clone)]
pub(super) struct RefusedRequest {
    pub(super) code: ErrorCode,
    pub(super) detail: String,
    pub(super) request_id: Option<String>,
}

/// Logs every response with a status from 400 to 499, unless there are too many in a second.
pub(super) async fn log(limit: Arc<LogLimit>, mut request: Request, next: Next) -> Response {
    let asked_by = AskedBy::default();
    request.extensions_mut().insert(asked_by.clone());
    let caller = request.extensions().get::<Caller>().copied();
    let method = request.method().clone();
    let uri = request.uri().clone();
    let response = next.run(request).await;
    if !response.status().is_client_error() {
        return response;
    }
    let allowed = limit.count(MAX_LINES_PER_SECOND);
    if let Some(requests) = allowed.dropped {
        tracing::info!(
            "{requests} refused requests to the management API were not logged: more than {MAX_LINES_PER_SECOND} in a second"
        );
    }
    if allowed.line {
        let refusal = response.extensions().get::<RefusedRequest>();
        let address = caller.and_then(|caller| caller.address);
        tracing::info!(
            method = shown(method.as_str()),
            path = shown(uri.path()),
            status = response.status().as_u16(),
            code = refusal.map(|refusal| refusal.code.to_string()),
            access_token = asked_by.0.get(),
            address = address.map(|address| address.to_string()),
            request_id = refusal.and_then(|refusal| refusal.request_id.as_deref()),
            detail = refusal.map(|refusal| shown(&refusal.detail)),
            "management request refused"
        );
    }
    response
}
