//! Route of the servers of a shared database, the signatures of answers to them, and the wait of changes for the other
//! servers.

use axum::body::{self, Body};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use jelou_core::api::{List, NodeInfo, Problem};

use super::app::App;
use super::auth::{Administrator, FromServer};
use super::list::Listed;
use super::problem::ApiError;
use crate::peers::{ANSWER_MAC, PeerKeys};

/// Names the servers that have not applied the change yet.
const PENDING: HeaderName = HeaderName::from_static("jelou-pending");
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// The servers that share the database and have reported in the last minute. Empty for a server with a database of its
/// own.
#[utoipa::path(get, operation_id = "listNodes", path = "/v1/nodes", tag = "server", security(("accessToken" = ["admin"])), responses(
    (status = 200, body = List<NodeInfo>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(control): State<App>,
    _: Administrator,
) -> Result<Listed<List<NodeInfo>>, ApiError> {
    Ok(control.nodes().await?.into())
}

/// Stores the uses of tokens that this server knows, for another server. It is not part of the documented API.
pub(super) async fn store_uses(
    State(control): State<App>,
    _: FromServer,
) -> Result<StatusCode, ApiError> {
    control.store_uses().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Signs the answer to another server.
pub(super) async fn sign(
    State(control): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let asked = request.headers().get(header::AUTHORIZATION).cloned();
    let (mut head, body) = next.run(request).await.into_parts();
    // The body is complete in memory.
    let body = body::to_bytes(body, usize::MAX).await;
    let body = body.map_err(|error| ApiError::internal(&error))?;
    if let Some(asked) = asked
        && let Some(mac) =
            PeerKeys::of(control.store.vault()).sign_answer(&asked, head.status, &body)
    {
        head.headers.insert(ANSWER_MAC, mac);
    }
    Ok(Response::from_parts(head, Body::from(body)))
}

/// Delays the response to a change until all servers have applied it. A deploy waits only with `Prefer: wait`: without
/// it, either deployment may answer the next calls.
pub(super) async fn wait_for_all(
    State(control): State<App>,
    request: Request,
    next: Next,
) -> Response {
    let waits = control.store.is_shared()
        && !matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS
        )
        && (!request.uri().path().ends_with("/deployments") || prefers_to_wait(request.headers()));
    let mut response = next.run(request).await;
    if waits && response.status().is_success() {
        let pending = control.applied_everywhere().await;
        // An address is a URL, so it is valid as a header value.
        if let Ok(named) = HeaderValue::from_str(&pending.join(", "))
            && !pending.is_empty()
        {
            response.headers_mut().insert(PENDING, named);
        }
    }
    response
}

fn prefers_to_wait(headers: &HeaderMap) -> bool {
    let preferences = headers.get_all(PREFER);
    let mut preferences = preferences.iter().filter_map(|value| value.to_str().ok());
    preferences.any(|value| value.split(',').any(|one| one.trim().starts_with("wait")))
}
