//! The platform's own responses, and the headers of every response.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use jelou_core::FunctionLimits;
use jelou_engine::BodyError;
use uuid::Uuid;

use super::target::BadTarget;
use super::{GatewayBody, token_headers};
use crate::registry::{Denied, LimitStatus};

/// `WWW-Authenticate` challenge of every 401 response. It names the header for the token (RFC 9110, section 11.6.1).
const CHALLENGE: HeaderValue = HeaderValue::from_static("JelouToken header=\"X-Jelou-Token\"");

/// The usual number of header fields of the platform's own responses. A map of this capacity is allocated once.
const OWN_HEADERS: usize = 12;

#[derive(Debug)]
pub(crate) enum Answer<'a> {
    Unauthorized,
    Forbidden(Forbidden),
    /// The token exceeds its rate or its quota. Boxed, because it is large and rare.
    TooManyRequests(Box<LimitStatus>),
    BadTarget(BadTarget),
    FunctionNotFound {
        /// The reason for the log. Callers do not get it.
        reason: Cow<'static, str>,
    },
    /// The request names a deployment that no preview serves.
    DeploymentNotFound,
    NotFound {
        available: &'a [String],
    },
    MethodNotAllowed {
        allow: HeaderValue,
    },
    /// A trusted caller sent an invalid identity.
    InvalidIdentity,
    PayloadTooLarge(Oversize),
    FunctionError,
    LoopDetected {
        max_hops: u32,
    },
    /// A retry may succeed after this many seconds.
    Unavailable {
        retry_after: u64,
    },
    /// The server has not reached its database for longer than `database.max_stale_ms`.
    Stale,
    TimedOut,
}

/// Why the gateway answers a request with a valid token with 403.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Forbidden {
    Token(Denied),
    /// The `Origin` header of a WebSocket request is not allowed.
    Origin,
}

impl Forbidden {
    fn reason(self) -> &'static str {
        match self {
            Self::Token(denied) => denied.reason(),
            Self::Origin => "the WebSocket's Origin is not in config.cors.origin",
        }
    }
}

impl Answer<'_> {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::TooManyRequests(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::FunctionNotFound { .. } | Self::DeploymentNotFound | Self::NotFound { .. } => {
                StatusCode::NOT_FOUND
            }
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::BadTarget(_) | Self::InvalidIdentity => StatusCode::BAD_REQUEST,
            Self::PayloadTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::FunctionError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::LoopDetected { .. } => StatusCode::LOOP_DETECTED,
            Self::Unavailable { .. } | Self::Stale => StatusCode::SERVICE_UNAVAILABLE,
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    pub(crate) fn body(&self) -> Bytes {
        Bytes::from_static(match self {
            Self::Unauthorized => br#"{"error":"Unauthorized"}"#,
            Self::Forbidden(_) => br#"{"error":"Forbidden"}"#,
            Self::TooManyRequests(_) => br#"{"error":"Too many requests"}"#,
            Self::BadTarget(reason) => return bad_request(*reason),
            Self::FunctionNotFound { .. } => br#"{"error":"Function not found"}"#,
            Self::DeploymentNotFound => br#"{"error":"Deployment not found"}"#,
            Self::NotFound { available } => return not_found(available),
            Self::MethodNotAllowed { .. } => br#"{"error":"Method not allowed"}"#,
            Self::InvalidIdentity => br#"{"error":"Invalid X-Jelou-Identity"}"#,
            Self::PayloadTooLarge(_) => br#"{"error":"Payload too large"}"#,
            Self::FunctionError => br#"{"error":"Internal function error"}"#,
            Self::LoopDetected { .. } => br#"{"error":"Loop detected"}"#,
            Self::Unavailable { .. } => br#"{"error":"Function unavailable"}"#,
            Self::Stale => br#"{"error":"Function unavailable","code":"stale"}"#,
            Self::TimedOut => br#"{"error":"Function timed out"}"#,
        })
    }
}

/// Why a body is too large. `limit` is the exceeded limit with its value and its source.
#[derive(Debug)]
pub(crate) enum Oversize {
    /// The announced length (`Content-Length`) exceeds the limit.
    Announced { length: u64, limit: String },
    /// More bytes arrived than the limit allows. The length was not announced, or was wrong.
    Sent { limit: String },
    /// The parsed body would need too much memory.
    Dense { limit: String },
}

impl Oversize {
    pub(crate) fn announced(length: u64, limits: &FunctionLimits) -> Self {
        let limit = limits.describe("max_body_bytes");
        Self::Announced { length, limit }
    }

    /// Returns the reason if the body failed because it was too large.
    pub(crate) fn of(error: &BodyError, limits: &FunctionLimits) -> Option<Self> {
        match error {
            BodyError::TooLarge { .. } => Some(Self::Sent {
                limit: limits.describe("max_body_bytes"),
            }),
            BodyError::TooDense => Some(Self::Dense {
                limit: limits.describe("max_body_memory_mib"),
            }),
            BodyError::Hyper(_) => None,
        }
    }

    fn reason(&self) -> String {
        match self {
            Self::Announced { length, limit } => {
                format!("the body has {length} bytes, over {limit}")
            }
            Self::Sent { limit } => format!("the body, of unknown length, is over {limit}"),
            Self::Dense { limit } => format!("{} ({limit})", BodyError::TooDense),
        }
    }
}

/// Marks a response as the platform's own, for the log and the record of the call.
#[derive(Debug, Clone)]
pub(crate) struct OwnAnswer {
    /// Error code for the record.
    pub(crate) code: &'static str,
    /// The reason for the log. `None` for failures, which have their own log line.
    pub(crate) refusal: Option<Cow<'static, str>>,
}

impl Answer<'_> {
    /// Returns the error code for the record of the call.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden(_) => "forbidden",
            Self::TooManyRequests(_) => "rate_limited",
            Self::BadTarget(_) => "bad_target",
            Self::FunctionNotFound { .. } => "no_deployment",
            Self::DeploymentNotFound => "no_preview",
            Self::NotFound { .. } => "no_route",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::InvalidIdentity => "invalid_identity",
            Self::PayloadTooLarge(_) => "payload_too_large",
            Self::FunctionError => "process_failed",
            Self::LoopDetected { .. } => "loop",
            Self::Unavailable { .. } => "unavailable",
            Self::Stale => "stale",
            Self::TimedOut => "timeout",
        }
    }

    /// Returns the reason for the log. `None` for failures, which have their own log line.
    fn refusal(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self {
            Self::PayloadTooLarge(oversize) => return Some(oversize.reason().into()),
            Self::LoopDetected { max_hops } => {
                let limit = format!("limits.max_hops = {max_hops}, a server setting");
                return Some(format!("the chain of calls is over {limit}").into());
            }
            Self::Unauthorized => "the token is not valid",
            Self::Forbidden(forbidden) => forbidden.reason(),
            Self::TooManyRequests(status) => {
                let reason = status.exceeded().map(|exceeded| exceeded.reason());
                return Some(reason.unwrap_or_default().into());
            }
            Self::BadTarget(_) => "the path is ambiguous",
            Self::FunctionNotFound { reason } => return Some(reason.clone()),
            Self::DeploymentNotFound => {
                "the deployment of the header X-Jelou-Deployment is neither live nor in a preview"
            }
            Self::NotFound { .. } => "no route has this path",
            Self::Stale => "the database has not answered for longer than database.max_stale_ms",
            Self::MethodNotAllowed { .. } => "the route does not take this method",
            Self::InvalidIdentity => "the identity header cannot be parsed",
            Self::FunctionError | Self::Unavailable { .. } | Self::TimedOut => return None,
        }))
    }
}

impl From<Answer<'_>> for Response<GatewayBody> {
    fn from(answer: Answer<'_>) -> Self {
        let mut response = json(answer.status(), answer.body());
        response.extensions_mut().insert(OwnAnswer {
            code: answer.code(),
            refusal: answer.refusal(),
        });
        let headers = response.headers_mut();
        match answer {
            Answer::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, CHALLENGE);
            }
            Answer::MethodNotAllowed { allow } => {
                headers.insert(header::ALLOW, allow);
            }
            Answer::TooManyRequests(status) => {
                if let Some(exceeded) = status.exceeded() {
                    let seconds = HeaderValue::from(exceeded.retry_after);
                    headers.insert(header::RETRY_AFTER, seconds);
                }
                token_headers::limits(&status, headers);
            }
            Answer::Unavailable { retry_after } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
            }
            Answer::Stale => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

pub(crate) fn json(status: StatusCode, body: Bytes) -> Response<GatewayBody> {
    let mut response = Response::new(GatewayBody::full(body));
    *response.status_mut() = status;
    let mut headers = HeaderMap::with_capacity(OWN_HEADERS);
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    *response.headers_mut() = headers;
    response
}

fn bad_request(reason: BadTarget) -> Bytes {
    let body = serde_json::json!({ "error": "Bad request", "message": reason.to_string() });
    Bytes::from(body.to_string())
}

fn not_found(available: &[String]) -> Bytes {
    let body = serde_json::json!({ "error": "Not found", "availableRoutes": available });
    Bytes::from(body.to_string())
}

/// Returns the `Allow` header of a route: its methods, OPTIONS, and HEAD if it has GET (RFC 9110, section 9.3.2).
pub(crate) fn allow<'a>(methods: impl IntoIterator<Item = &'a String>) -> HeaderValue {
    let mut list: Vec<&str> = Vec::new();
    for method in methods {
        if !list.contains(&method.as_str()) {
            list.push(method);
        }
    }
    for (implied, by) in [("HEAD", "GET"), ("OPTIONS", "")] {
        if !list.contains(&implied) && (by.is_empty() || list.contains(&by)) {
            list.push(implied);
        }
    }
    HeaderValue::try_from(list.join(", ")).unwrap_or_else(|_| HeaderValue::from_static("OPTIONS"))
}

/// Returns the response to an OPTIONS request that no tool accepts: the methods of the route.
pub(crate) fn options(allow: HeaderValue) -> Response<GatewayBody> {
    let mut response = Response::new(GatewayBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::ALLOW, allow);
    response
}

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(crate) fn request_id(id: Uuid) -> HeaderValue {
    let mut buffer = Uuid::encode_buffer();
    let id: &str = id.hyphenated().encode_lower(&mut buffer);
    HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static(""))
}

const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

fn is_event_stream(headers: &HeaderMap) -> bool {
    const TYPE: &[u8] = b"text/event-stream";
    let value = headers.get(header::CONTENT_TYPE);
    value.is_some_and(|value| {
        let value = value.as_bytes();
        let end = value.iter().position(|byte| *byte == b';');
        let name = &value[..end.unwrap_or(value.len())];
        name.trim_ascii().eq_ignore_ascii_case(TYPE)
    })
}

/// Sets headers that a function cannot remove.
pub(crate) fn finish(response: &mut Response<GatewayBody>, request_id: Uuid) {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(REQUEST_ID, self::request_id(request_id));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    if is_event_stream(headers) {
        // Disables nginx's response buffering, which would delay events.
        headers
            .entry(ACCEL_BUFFERING)
            .or_insert(HeaderValue::from_static("no"));
    }
}
