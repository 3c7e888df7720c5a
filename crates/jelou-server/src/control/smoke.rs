//! Smoke calls: calls to the processes of a deployment that is not live yet. They bypass the token check.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Collected, Limited};
use jelou_core::SmokeCall;
use jelou_engine::{BodyMemory, RequestBody};
use uuid::Uuid;

use super::ControlError;
use crate::gateway::answer::Answer;
use crate::gateway::call_log::CallNotes;
use crate::gateway::reserved::Reserved;
use crate::gateway::{Caller, Gateway, deployment_documents, invoke};
use crate::registry::{Found, Function, Live};

/// Maximum bytes of a response body that are read.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// Maximum bytes of a response body that an error shows.
const MAX_SHOWN_BYTES: usize = 2_000;

/// Sends the calls in order. The first response with an unexpected status is an error.
pub(super) async fn check(
    gateway: &Gateway,
    function: &Function,
    live: &Arc<Live>,
    calls: &[SmokeCall],
) -> Result<(), ControlError> {
    if calls.is_empty() {
        return Ok(());
    }
    // A call finds its processes through the function. A copy of the function leads to the new deployment's processes,
    // and other callers still get the live deployment.
    let secrets = Vec::clone(&function.secrets.load());
    let candidate = Function::new(
        function.id.clone(),
        function.slug.clone(),
        secrets,
        function.settings(),
    );
    candidate.live.store(Some(Arc::clone(live)));
    for call in calls {
        let (status, body) = answer(gateway, &candidate, live, call).await?;
        if status.as_u16() != call.status {
            let body = String::from_utf8_lossy(&body);
            let shown = &body[..body.floor_char_boundary(MAX_SHOWN_BYTES)];
            return Err(ControlError::Rejected(format!(
                "the smoke call `{call}` was answered with {}:\n{shown}",
                status.as_u16()
            )));
        }
    }
    // Discards the counts: the health of a deployment is measured by real calls only.
    live.calls.take();
    Ok(())
}

async fn answer(
    gateway: &Gateway,
    function: &Function,
    live: &Live,
    call: &SmokeCall,
) -> Result<(StatusCode, Bytes), ControlError> {
    let impossible = |reason: String| ControlError::Invalid {
        detail: format!("the smoke call `{call}` cannot be sent: {reason}"),
        hint: "write METHOD PATH [BODY] STATUS, such as `POST / {\"a\":1} 200`",
    };
    let uri: Uri = call
        .path
        .parse()
        .map_err(|error| impossible(format!("{error}")))?;
    let method: Method = call
        .method
        .parse()
        .map_err(|error| impossible(format!("{error}")))?;
    let path = uri.path().to_owned();
    match Reserved::of(&path) {
        Some(Reserved::Mcp) if live.documents.mcp.has_tools() => {
            return Err(impossible("MCP messages are no smoke calls".to_owned()));
        }
        reserved => {
            if let Some(answer) = deployment_documents::answer(&method, reserved, live) {
                let status = answer.status();
                let body = answer.into_body().collect().await;
                return Ok((status, body.map(Collected::to_bytes).unwrap_or_default()));
            }
        }
    }
    let found = match live.routes.find(&path, &call.method) {
        Found::Tool(found) => found,
        Found::OtherMethods(_) => {
            let allow = HeaderValue::from_static("");
            return Ok(of_platform(&Answer::MethodNotAllowed { allow }));
        }
        Found::Nothing => {
            let available = &live.routes.available;
            return Ok(of_platform(&Answer::NotFound { available }));
        }
    };
    let tool = &live.manifest.tools[found.tool];
    let timeout = invoke::timeout(&function.limits(), tool);
    let request = request(method, uri, live, call.body.as_deref());
    let invoked = invoke::Call {
        tool,
        params: &found.params,
        path: found.path.as_deref().unwrap_or(&path),
        url: &live.url,
        caller: Caller {
            address: None,
            by_proxy: false,
            hops: 0,
        },
        grant: None,
        request_id: Uuid::new_v4(),
        // A smoke call has no caller, so it is not recorded.
        notes: &CallNotes::start(None),
        scheduled: None,
    };
    let response = match invoke::send(gateway, request, function, &invoked, BodyMemory::NONE).await
    {
        Ok(response) => response,
        Err(answer) => return Ok(of_platform(&answer)),
    };
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect();
    Ok(match tokio::time::timeout(timeout, body).await {
        Ok(Ok(body)) => (status, body.to_bytes()),
        Ok(Err(error)) => (status, Bytes::from(error.to_string())),
        Err(_) => of_platform(&Answer::TimedOut),
    })
}

fn request(method: Method, uri: Uri, live: &Live, body: Option<&str>) -> Request<RequestBody> {
    let content_type = match body {
        Some(text) if serde_json::from_str::<serde_json::Value>(text).is_ok() => {
            Some("application/json")
        }
        Some(_) => Some("text/plain; charset=utf-8"),
        None => None,
    };
    let body = body.map_or_else(RequestBody::empty, |text| {
        RequestBody::full(Bytes::from(text.to_owned()))
    });
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    if let Some(content_type) = content_type {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    let host = live.url.split_once("://").map_or("", |(_, host)| host);
    if let Ok(host) = HeaderValue::try_from(host) {
        headers.insert(header::HOST, host);
    }
    request
}

fn of_platform(answer: &Answer<'_>) -> (StatusCode, Bytes) {
    (answer.status(), answer.body())
}
