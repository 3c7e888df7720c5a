//! MCP at `/mcp`: the tools of one function, over Streamable HTTP.
//!
//! One endpoint serves two kinds of revisions, both without state: revision 2026-07-28, in which each request is
//! self-contained, and older revisions, which start with `initialize` (here it opens no session). The
//! [`Catalog`](crate::documents::mcp::Catalog) of the deployment has the responses to all methods except `tools/call`.

mod access;
mod call;
mod content;
mod header_values;
mod issues;
mod message;
mod mirrored;
mod origin;
mod outcome;
mod result_memory;
mod revision;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use jelou_core::policy::RuntimeScopes;
use jelou_engine::{BodyError, BodyMemory, LeaseError, Permit, RequestBody};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::documents::mcp::Catalog;
use crate::gateway::answer::{self, Answer, Oversize};
use crate::gateway::call_log::CallNotes;
use crate::gateway::running_calls::NamedCall;
use crate::gateway::unread::{self, Unread};
use crate::gateway::{Caller, Gateway, GatewayBody, cors, failures, token_headers};
use crate::registry::{Function, Live};
use access::Access;
use call::Denial;
use message::{JsonRpcError, Message};
pub(crate) use result_memory::ResultMemory;
use revision::Revision;

/// The context of one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exchange<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) function: &'a Arc<Function>,
    pub(crate) live: &'a Live,
    pub(crate) caller: Caller,
    pub(crate) request_id: Uuid,
    pub(crate) notes: &'a CallNotes,
}

impl Exchange<'_> {
    /// Returns the key under which this caller can cancel the call with the request id `id`.
    fn named_call(self, headers: &HeaderMap, id: &Value) -> NamedCall {
        let calls = &self.gateway.running_calls;
        calls.name(self.function, self.caller, headers, id.to_string())
    }
}

/// Answers a request to `/mcp` of a function with MCP tools.
pub(crate) async fn answer(
    exchange: Exchange<'_>,
    request: &mut Request<Unread>,
) -> Response<GatewayBody> {
    if cors::is_preflight(request) {
        return preflight(exchange, request.headers());
    }
    exchange.notes.is_mcp.store(true, Ordering::Relaxed);
    let access = match Access::of(exchange, request) {
        Ok(access) => access,
        Err(answer) => return answer.into(),
    };
    if let Some(grant) = access.grant() {
        // Set only once for each call, so this cannot fail.
        let _ = exchange.notes.token.set(grant.token.clone());
    }
    let mut response = answer_with(exchange, &access, request).await;
    if let Some(grant) = access.grant() {
        token_headers::announce(grant, &exchange.gateway.clock, &mut response);
    }
    response
}

/// Answers a request whose token has been checked.
async fn answer_with(
    exchange: Exchange<'_>,
    access: &Access,
    request: &mut Request<Unread>,
) -> Response<GatewayBody> {
    let allow = HeaderValue::from_static("POST, OPTIONS");
    match *request.method() {
        Method::POST => {}
        Method::OPTIONS => return answer::options(allow),
        _ => return Answer::MethodNotAllowed { allow }.into(),
    }
    if let Err(refusal) = check_head(exchange, request.headers()) {
        return refusal.into();
    }
    // The permit is held until the response is ready. Thus all messages in progress stay within the memory limit for
    // the function's bodies.
    let (body, _permit) = match read(exchange, request).await {
        Ok(read) => read,
        Err(answer) => {
            let mut response = Response::from(answer);
            unread::close(response.headers_mut());
            return response;
        }
    };
    let headers = request.headers();
    let message = Message::parse(&body);
    let called = message.as_ref().ok().and_then(Message::called_tool);
    if let Err(answer) = access.admit(exchange.gateway, called) {
        return answer.into();
    }
    match message {
        Ok(Message::Request(request)) => dispatch(exchange, access, headers, request).await,
        Ok(Message::Notification { cancelled }) => match revision::check_notification(headers) {
            Ok(()) => {
                if let Some(id) = cancelled {
                    let call = exchange.named_call(headers, &id);
                    exchange.gateway.running_calls.cancel(&call);
                }
                accepted()
            }
            Err(refusal) => refusal.into(),
        },
        Err(refusal) => refusal.into(),
    }
}

async fn dispatch(
    exchange: Exchange<'_>,
    access: &Access,
    headers: &HeaderMap,
    request: message::Request,
) -> Response<GatewayBody> {
    let catalog = &exchange.live.documents.mcp;
    let revision = match Revision::of(headers, &request) {
        Ok(revision) => revision,
        Err(refusal) => return refusal.of(request.id).into(),
    };
    let result = match (revision, request.method.as_str()) {
        (Revision::Modern, "server/discover") => Ok(access.lists(catalog).discovery.clone()),
        (Revision::Legacy, "initialize") => {
            revision::negotiate(&request).map(|version| catalog.initialization(version))
        }
        (Revision::Legacy, "ping") => Ok(Bytes::from_static(b"{}")),
        (_, "tools/list") => list(catalog, revision, access, &request),
        (_, "tools/call") => {
            match call::call(exchange, access, revision, headers, &request).await {
                Ok((result, share)) => return message::large_response(&request.id, &result, share),
                Err(Denial::Refused(refusal)) => Err(refusal),
                // Without a token, unknown and private tools get the same response.
                Err(Denial::TokenNeeded) => return Answer::Unauthorized.into(),
            }
        }
        (Revision::Modern, method) => {
            Err(JsonRpcError::no_such_method(StatusCode::NOT_FOUND, method))
        }
        (Revision::Legacy, method) => Err(JsonRpcError::no_such_method(StatusCode::OK, method)),
    };
    match result {
        Ok(result) => message::response(&request.id, &result),
        Err(refusal) => refusal.of(request.id).into(),
    }
}

fn list(
    catalog: &Catalog,
    revision: Revision,
    access: &Access,
    request: &message::Request,
) -> Result<Bytes, JsonRpcError> {
    let cursor = request.params.get("cursor");
    if cursor.is_some_and(|cursor| !cursor.is_null()) {
        // All tools are on the first page, so every cursor is invalid.
        return Err(JsonRpcError::invalid_params("Unknown cursor"));
    }
    let lists = access.lists(catalog);
    let list = match revision {
        Revision::Modern => &lists.modern,
        Revision::Legacy => &lists.legacy,
    };
    Ok(match access.some_tools() {
        Some(scopes) => only(list, scopes),
        None => list.clone(),
    })
}

/// Removes the tools that a token does not allow from a list. Done for each request, because few tokens are limited to
/// some tools.
fn only(list: &Bytes, scopes: &RuntimeScopes) -> Bytes {
    let mut result: Map<String, Value> = serde_json::from_slice(list).unwrap_or_default();
    if let Some(Value::Array(tools)) = result.get_mut("tools") {
        tools.retain(|tool| {
            let name = tool["name"].as_str();
            name.is_some_and(|name| scopes.allow_mcp_tool(name))
        });
    }
    Bytes::from(Value::Object(result).to_string())
}

fn check_head(exchange: Exchange<'_>, headers: &HeaderMap) -> Result<(), JsonRpcError> {
    if !origin::is_allowed(exchange, headers) {
        return Err(JsonRpcError::invalid_request(
            StatusCode::FORBIDDEN,
            "This Origin may not use MCP here",
        ));
    }
    if !header_values::accepts_json(headers) {
        return Err(JsonRpcError::invalid_request(
            StatusCode::NOT_ACCEPTABLE,
            "Accept must list application/json: this server answers nothing else",
        ));
    }
    if !header_values::is_json(headers) {
        return Err(JsonRpcError::invalid_request(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Content-Type must be application/json",
        ));
    }
    Ok(())
}

async fn read(
    exchange: Exchange<'_>,
    request: &mut Request<Unread>,
) -> Result<(Bytes, Option<Permit>), Answer<'static>> {
    let limits = exchange.function.limits();
    let limit = limits.max_body_bytes;
    let length = request.body().announced();
    if length > limit {
        return Err(Answer::PayloadTooLarge(Oversize::announced(
            length, &limits,
        )));
    }
    let Some(body) = request.body_mut().take() else {
        return Ok((Bytes::new(), None));
    };
    let timeout = std::time::Duration::from_millis(limits.request_timeout_ms);
    let headers = request.headers();
    let reading = async {
        let body = RequestBody::limited(body, limit).gather().await?;
        let memory = BodyMemory::of(headers, &body, &limits);
        let permit = match exchange.live.slot.admit_body(memory).await {
            // A deploy has retired the slot. Its replacement has its own processes.
            Err(LeaseError::Retired) => None,
            admitted => admitted?,
        };
        let body = body.within(memory)?.collect().await?;
        Ok::<_, ReadError>((body.to_bytes(), permit))
    };
    match tokio::time::timeout(timeout, reading).await {
        Ok(Ok(read)) => Ok(read),
        // Any other error means that the caller has disconnected, so no one reads this response.
        Ok(Err(ReadError::Body(error))) => {
            Err(Oversize::of(&error, &limits).map_or(Answer::TimedOut, Answer::PayloadTooLarge))
        }
        Ok(Err(ReadError::Lease(error))) => {
            failures::log(
                exchange.gateway,
                exchange.function,
                exchange.request_id,
                &error,
            );
            Err(Answer::Unavailable { retry_after: 1 })
        }
        Err(_) => Err(Answer::TimedOut),
    }
}

#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Lease(#[from] LeaseError),
}

/// Answers a CORS preflight from an allowed origin.
fn preflight(exchange: Exchange<'_>, headers: &HeaderMap) -> Response<GatewayBody> {
    if !origin::is_allowed(exchange, headers) {
        return JsonRpcError::invalid_request(
            StatusCode::FORBIDDEN,
            "This Origin may not use MCP here",
        )
        .into();
    }
    let mut response = accepted();
    *response.status_mut() = StatusCode::NO_CONTENT;
    let answer = response.headers_mut();
    answer.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("POST, OPTIONS"),
    );
    // Allows all requested headers, because the names of mirrored arguments differ for each tool.
    if let Some(wanted) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    response
}

fn accepted() -> Response<GatewayBody> {
    let mut response = Response::new(GatewayBody::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}
