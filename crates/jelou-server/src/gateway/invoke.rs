//! Sends an allowed request to the function's process.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode, Uri};
use jelou_core::manifest::Tool;
use jelou_core::{FunctionLimits, Limits};
use jelou_engine::{BodyMemory, CallFacts, Lease, LeaseError, RequestBody, SendError, WorkerBody};
use uuid::Uuid;

use super::answer::{Answer, Oversize};
use super::body::Recorded;
use super::call_log::CallNotes;
use super::identity::{self, Identity};
use super::unread::{self, Unread};
use super::{Caller, Gateway, GatewayBody, failures, header_filter, websocket};
use crate::registry::{Function, Grant, Live};
use crate::telemetry::TraceContext;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

pub(crate) struct Call<'a> {
    pub(crate) tool: &'a Tool,
    /// Decoded values of the path parameters.
    pub(crate) params: &'a [(String, String)],
    pub(crate) path: &'a str,
    /// Scheme and authority of the function's URL.
    pub(crate) url: &'a str,
    pub(crate) caller: Caller,
    /// The grant of the caller's token; `None` if no token was needed.
    pub(crate) grant: Option<&'a Grant>,
    pub(crate) request_id: Uuid,
    pub(crate) notes: &'a CallNotes,
    /// Set if a schedule started the call. Nothing in a request can set it.
    pub(crate) scheduled: Option<&'a Scheduled>,
}

/// What a schedule passes to a run.
#[derive(Debug)]
pub(crate) struct Scheduled {
    /// The content of `ctx.trigger`, as JSON.
    pub(crate) trigger: String,
    /// The identity that the run acts for, as JSON.
    pub(crate) identity: Option<String>,
    pub(crate) timeout: Duration,
}

/// Sends the request to the function and streams both bodies.
pub(crate) async fn invoke(
    gateway: &Gateway,
    request: &mut Request<Unread>,
    function: &Arc<Function>,
    call: Call<'_>,
) -> Response<GatewayBody> {
    let limits = function.limits();
    let limit = limits.max_body_bytes;
    let length = request.body().announced();
    if length > limit {
        return Answer::PayloadTooLarge(Oversize::announced(length, &limits)).into();
    }
    let upgrade = websocket::is_asked_for(request).then(|| hyper::upgrade::on(&mut *request));
    let (parts, mut body) = std::mem::take(request).into_parts();
    let body = match body.take() {
        Some(body) => {
            let timeout = timeout(&limits, call.tool);
            gather(RequestBody::limited(body, limit), timeout, &limits).await
        }
        None => Ok(RequestBody::empty()),
    };
    let body = match body {
        Ok(body) => body,
        Err(answer) => {
            let mut response = Response::from(answer);
            unread::close(response.headers_mut());
            return response;
        }
    };
    let memory = BodyMemory::of(&parts.headers, &body, &limits);
    let body = match body.within(memory) {
        Ok(body) => body,
        Err(error) => {
            let failure = Failure::Send(SendError::Body(error));
            return failure.answer(gateway, function, call.request_id).into();
        }
    };
    let is_streamed = matches!(body, RequestBody::Stream(_));
    let request = Request::from_parts(parts, body);
    match pin!(send(gateway, request, function, &call, memory)).await {
        Ok(response) if response.status() == StatusCode::SWITCHING_PROTOCOLS => match upgrade {
            Some(caller) => {
                let report = failures::later(gateway, function, call.request_id);
                websocket::connect(caller, response, Arc::clone(&limits), report)
            }
            // The function answers with an upgrade that the caller did not request.
            None => Answer::FunctionError.into(),
        },
        Ok(response) => response.map(|body| match body.into_whole() {
            Ok(bytes) => GatewayBody::full(bytes),
            Err(stream) => {
                let report = failures::later(gateway, function, call.request_id);
                let stream = stream.on_failure(move |error| report(error));
                GatewayBody::Worker(Box::new(Recorded::new(stream)))
            }
        }),
        Err(answer) => {
            let mut response = Response::from(answer);
            if is_streamed {
                // Closes the connection after the response, because a part of the body may be unread.
                unread::close(response.headers_mut());
            }
            response
        }
    }
}

/// Reads a short body completely.
async fn gather(
    body: RequestBody,
    timeout: Duration,
    limits: &FunctionLimits,
) -> Result<RequestBody, Answer<'static>> {
    match tokio::time::timeout(timeout, body.gather()).await {
        Ok(Ok(body)) => Ok(body),
        // Any other error means that the caller has disconnected, so no one reads this response.
        Ok(Err(error)) => {
            Err(Oversize::of(&error, limits).map_or(Answer::TimedOut, Answer::PayloadTooLarge))
        }
        Err(_) => Err(Answer::TimedOut),
    }
}

/// Sends a request to the function's process. Returns its response without internal headers, or the platform's own
/// response.
pub(crate) async fn send(
    gateway: &Gateway,
    request: Request<RequestBody>,
    function: &Function,
    call: &Call<'_>,
    memory: BodyMemory,
) -> Result<Response<WorkerBody>, Answer<'static>> {
    let limits = function.limits();
    let timeout = match call.scheduled {
        Some(scheduled) => scheduled.timeout,
        None => timeout(&limits, call.tool),
    };
    let request_id = call.request_id;
    let identity = identity::of(
        gateway,
        request.headers(),
        function,
        call.tool,
        call.caller,
        call.grant,
    );
    let identity = match identity {
        Ok(identity) => identity,
        Err(identity::Unreadable) => return Err(Answer::InvalidIdentity),
    };
    let memory_scope = identity
        .as_ref()
        .map(Identity::memory_scope)
        .unwrap_or_default();
    let traceparent = call.notes.trace.as_ref().map(TraceContext::header);
    let facts = CallFacts {
        hops: call.caller.hops,
        memory_scope: &memory_scope,
        request_id,
        tool: &call.tool.key,
        url: call.url,
        params: call.params,
        identity: match call.scheduled {
            Some(scheduled) => scheduled.identity.as_deref(),
            None => identity.as_ref().map(|identity| identity.json.as_str()),
        },
        trigger: call.scheduled.map(|scheduled| scheduled.trigger.as_str()),
        traceparent: traceparent.as_deref(),
    };
    let is_websocket = websocket::is_asked_for(&request);
    let outgoing = outgoing(request, call, is_websocket)
        .map_err(|error| Failure::from(error).answer(gateway, function, request_id))?;
    // The deployment that got the call. Known even after a timeout.
    let taken_by = OnceLock::new();
    let answered = async {
        let leased = pin!(lease(function, &facts, memory, is_websocket, &taken_by));
        let lease = leased.await?;
        call.notes.leased(&lease);
        let (queued, _) = lease.waits();
        if !queued.is_zero() {
            gateway.metrics.queue_waits.record(queued);
        }
        pin!(lease.send(outgoing, &facts))
            .await
            .map_err(Failure::Send)
    };
    let mut answered = pin!(answered);
    let failure = match gateway.within(timeout, answered.as_mut()).await {
        Some(Ok(mut response)) => {
            count(&taken_by, response.status().is_server_error());
            header_filter::strip(response.headers_mut(), |_| false);
            return Ok(response);
        }
        Some(Err(failure)) => failure,
        None => Failure::TimedOut(timed_out(&limits, call.tool)),
    };
    if failure.is_functions() {
        count(&taken_by, true);
    }
    Err(failure.answer(gateway, function, request_id))
}

fn count(taken_by: &OnceLock<Arc<Live>>, is_failure: bool) {
    if let Some(live) = taken_by.get() {
        live.calls.count(is_failure);
    }
}

pub(crate) fn timeout(limits: &Limits, tool: &Tool) -> Duration {
    let wanted = tool.timeout_ms.unwrap_or(limits.request_timeout_ms);
    Duration::from_millis(wanted.clamp(1, limits.max_request_timeout_ms))
}

/// Describes, for the log, the timeout and the setting that it comes from.
pub(crate) fn timed_out(limits: &FunctionLimits, tool: &Tool) -> String {
    let after = timeout(limits, tool);
    let limit = limits.describe("request_timeout_ms");
    let whose = match tool.timeout_ms.map(Duration::from_millis) {
        None => limit,
        Some(wanted) if wanted > after => limits.describe("max_request_timeout_ms"),
        Some(_) => format!("the function's `timeout`; without one, {limit}"),
    };
    format!("within {} ms ({whose})", after.as_millis())
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Lease(LeaseError),
    #[error(transparent)]
    Send(SendError),
    #[error("no response head {0}")]
    TimedOut(String),
    #[error("the function was deleted meanwhile")]
    Gone,
    #[error("cannot pass the request on: {0}")]
    Outgoing(#[from] http::Error),
}

impl Failure {
    /// Whether the deployment's code is the likely cause. A full server and a disconnected caller are other causes.
    fn is_functions(&self) -> bool {
        matches!(
            self,
            Self::TimedOut(_)
                | Self::Lease(LeaseError::Start(_) | LeaseError::BackingOff { .. })
                | Self::Send(SendError::Died(_) | SendError::HeadTooLarge { .. })
        )
    }

    #[cold]
    fn answer(&self, gateway: &Gateway, function: &Function, request_id: Uuid) -> Answer<'static> {
        if let Self::Send(SendError::Body(error)) = self
            && let Some(oversize) = Oversize::of(error, &function.limits())
        {
            // A refusal has its own log line.
            return Answer::PayloadTooLarge(oversize);
        }
        failures::log(gateway, function, request_id, self);
        match self {
            Self::Lease(LeaseError::Start(_)) => Answer::FunctionError,
            Self::Lease(LeaseError::BackingOff { retry_after, .. }) => Answer::Unavailable {
                retry_after: retry_after.as_secs(),
            },
            Self::Lease(_) | Self::Send(SendError::Streams(_)) => {
                Answer::Unavailable { retry_after: 1 }
            }
            Self::Send(_) | Self::Outgoing(_) => Answer::FunctionError,
            Self::TimedOut(_) => Answer::TimedOut,
            Self::Gone => Answer::FunctionNotFound {
                reason: self.to_string().into(),
            },
        }
    }
}

/// Leases a process of the live deployment. If a deploy retires the slot in the meantime, leases from the new
/// deployment's slot.
async fn lease(
    function: &Function,
    facts: &CallFacts<'_>,
    memory: BodyMemory,
    is_websocket: bool,
    taken_by: &OnceLock<Arc<Live>>,
) -> Result<Lease, Failure> {
    loop {
        let live = function.live.load_full().ok_or(Failure::Gone)?;
        let slot = &live.slot;
        if is_websocket {
            // Refuses a surplus stream before the handler runs.
            slot.check_streams().map_err(Failure::Lease)?;
        }
        let leased = async { slot.lease(facts, slot.admit_body(memory).await?).await };
        match leased.await {
            Err(LeaseError::Retired) => {}
            result => {
                let _ = taken_by.set(live);
                return result.map_err(Failure::Lease);
            }
        }
    }
}

fn outgoing(
    request: Request<RequestBody>,
    call: &Call<'_>,
    is_websocket: bool,
) -> Result<Request<RequestBody>, http::Error> {
    let (mut parts, body) = request.into_parts();
    if parts.uri.path() != call.path {
        parts.uri = match parts.uri.query() {
            Some(query) => Uri::try_from(format!("{}?{query}", call.path))?,
            None => Uri::try_from(call.path)?,
        };
    }
    parts.version = http::Version::HTTP_11;
    let headers = &mut parts.headers;
    header_filter::strip(headers, |name| is_reserved_for_gateway(name, call.caller));
    join_cookies(headers)?;
    if is_websocket {
        websocket::ask(headers);
    }
    if let Some(address) = call.caller.address {
        // The address of the caller behind trusted proxies.
        let address = address.to_canonical().to_string();
        headers.insert(FORWARDED_FOR, HeaderValue::try_from(address)?);
    }
    Ok(Request::from_parts(parts, body))
}

/// Joins cookie fields into one. HTTP/2 may send several (RFC 9113, section 8.2.3), HTTP/1.1 has one.
fn join_cookies(headers: &mut HeaderMap) -> Result<(), http::Error> {
    let mut cookies = headers.get_all(header::COOKIE).iter();
    if let (Some(first), Some(second)) = (cookies.next(), cookies.next()) {
        let all: Vec<_> = [first, second]
            .into_iter()
            .chain(cookies)
            .map(HeaderValue::as_bytes)
            .collect();
        let joined = HeaderValue::from_bytes(&all.join(b"; ".as_slice()))?;
        headers.insert(header::COOKIE, joined);
    }
    Ok(())
}

/// Whether a header of the caller must be removed: only the gateway or a trusted proxy may set it.
fn is_reserved_for_gateway(name: &str, caller: Caller) -> bool {
    match name {
        "forwarded" | "x-forwarded-for" | "x-real-ip" | "expect" => true,
        "x-forwarded-host" | "x-forwarded-proto" | "x-forwarded-port" => !caller.by_proxy,
        _ => false,
    }
}
