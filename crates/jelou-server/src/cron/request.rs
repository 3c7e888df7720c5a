//! One attempt of a run: a request without a caller, which goes through the gateway like every call.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use jelou_core::manifest::{Schedule, Tool};
use jelou_engine::{BodyMemory, RequestBody, WorkerBody};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::gateway::answer::Answer;
use crate::gateway::call_log::{self, CallHead, CallNotes};
use crate::gateway::invoke::{self, Scheduled};
use crate::gateway::{Caller, Gateway, GatewayBody};
use crate::registry::{Function, Live};

/// How an attempt ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The function's response was complete. The value is its status.
    Answered(StatusCode),
    TimedOut,
    /// No process accepted the request: the server is full, or the function's process crashed and is in its back-off.
    NotStarted,
    /// The platform answered instead of the function, with this error code and status.
    Failed(&'static str, StatusCode),
    /// The connection broke before the response was complete. The value is the error.
    Broken(String),
}

impl Outcome {
    pub(super) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Answered(status) | Self::Failed(_, status) => Some(*status),
            Self::TimedOut => Some(StatusCode::GATEWAY_TIMEOUT),
            Self::NotStarted => Some(StatusCode::SERVICE_UNAVAILABLE),
            Self::Broken(_) => None,
        }
    }
}

/// Returns the data about the run that the function gets.
pub(super) fn scheduled(schedule: &Schedule, due: Timestamp, timeout: Duration) -> Scheduled {
    Scheduled {
        trigger: json!({
            "type": "cron",
            "cron": schedule.expression,
            "cronName": schedule.name,
            "scheduledTime": due.as_millisecond(),
        })
        .to_string(),
        identity: schedule
            .bot_id
            .as_ref()
            .map(|id| json!({ "bot": { "id": id } }).to_string()),
        timeout,
    }
}

/// Sends the request and reads the response to its end. Records the call in the function's log.
pub(super) async fn attempt(
    gateway: &Gateway,
    function: &Function,
    live: &Live,
    tool: usize,
    scheduled: &Scheduled,
    request_id: Uuid,
) -> Outcome {
    let definition = &live.manifest.tools[tool];
    let notes = CallNotes::start(None);
    let _ = notes.tool.set(tool);
    notes.is_cron.store(true, Ordering::Relaxed);
    let path = path(definition);
    let caller = Caller {
        address: None,
        by_proxy: false,
        hops: 0,
    };
    let call = invoke::Call {
        tool: definition,
        params: &[],
        path,
        url: &live.url,
        caller,
        grant: None,
        request_id,
        notes: &notes,
        scheduled: Some(scheduled),
    };
    let method = method(definition);
    let request = request(method.clone(), path, live);
    let sent = async {
        match invoke::send(gateway, request, function, &call, BodyMemory::NONE).await {
            Ok(response) => answered(response).await,
            Err(Answer::TimedOut) => Outcome::TimedOut,
            Err(Answer::Unavailable { .. }) => Outcome::NotStarted,
            Err(answer) => Outcome::Failed(answer.code(), answer.status()),
        }
    };
    let outcome = tokio::time::timeout(scheduled.timeout, sent)
        .await
        .unwrap_or(Outcome::TimedOut);
    if matches!(outcome, Outcome::TimedOut) {
        let _ = notes.error.set(Answer::TimedOut.code());
    }
    let mut response = Response::new(GatewayBody::empty());
    *response.status_mut() = outcome.status().unwrap_or(StatusCode::BAD_GATEWAY);
    let head = CallHead {
        method,
        path,
        bytes_in: None,
        caller,
        request_id,
    };
    call_log::record(gateway, function, Some(live), notes, head, &mut response);
    outcome
}

/// Reads and drops the body. It must be read to its end, because the work of a streamed response ends with it.
async fn answered(response: Response<WorkerBody>) -> Outcome {
    let status = response.status();
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        if let Err(error) = frame {
            return Outcome::Broken(error.to_string());
        }
    }
    Outcome::Answered(status)
}

fn request(method: Method, path: &str, live: &Live) -> Request<RequestBody> {
    let mut request = Request::new(RequestBody::full(Bytes::new()));
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap_or(Uri::from_static("/"));
    let host = live.url.split_once("://").map_or("", |(_, host)| host);
    if let Ok(host) = HeaderValue::try_from(host) {
        request.headers_mut().insert(header::HOST, host);
    }
    request
}

/// Returns POST if the tool accepts it, because a run has effects. Otherwise the tool's first method.
fn method(tool: &Tool) -> Method {
    let is_posted = tool.methods.iter().any(|method| method == "POST");
    let first = tool.methods.first().filter(|_| !is_posted);
    first
        .and_then(|method| method.parse().ok())
        .unwrap_or(Method::POST)
}

/// Returns the path of the tool's route, or the root if the route has parameters.
fn path(tool: &Tool) -> &str {
    let is_literal = tool.path.starts_with('/') && !tool.path.contains([':', '*']);
    if is_literal { &tool.path } else { "/" }
}

/// Finds a tool in the live deployment, which may have changed since the claim.
pub(super) fn tool_of(live: &Arc<Live>, key: &str) -> Option<usize> {
    live.manifest.tools.iter().position(|tool| tool.key == key)
}
