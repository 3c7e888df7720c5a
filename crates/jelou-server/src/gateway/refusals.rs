//! Log lines for refused requests: the function, the caller and the reason. They answer the question "why do I get a
//! 401?", because the caller never gets the reason.

use std::borrow::Cow;
use std::fmt::Display;

use http::{HeaderMap, Request, Response, StatusCode, Uri, header};
use jelou_core::{Clock, FunctionId, TokenId};
use jelou_logs::{Entry, EntryContent, EventEntry, Level, Logs};
use jelou_store::Revocation;
use jelou_token::{AccessToken, RuntimeToken, TokenHash, redact_path, scan};
use uuid::Uuid;

use super::answer::OwnAnswer;
use super::auth::{self, NoSingleToken};
use super::{Caller, Gateway, GatewayBody, host_of};
use crate::registry::Function;

/// Maximum lines per second for each function, and for all requests without a function. Callers can cause any number of
/// refusals.
const MAX_LINES_PER_SECOND: u64 = 20;
/// Maximum bytes of a host or path in a line.
const MAX_SHOWN_BYTES: usize = 200;

/// Logs the request if the response is a refusal.
pub(crate) fn log_refused<B>(
    gateway: &Gateway,
    function: Option<&Function>,
    request: &Request<B>,
    caller: Caller,
    request_id: Uuid,
    response: &Response<GatewayBody>,
) {
    let own: Option<&OwnAnswer> = response.extensions().get();
    if let Some(reason) = own.and_then(|own| own.refusal.as_deref()) {
        let status = response.status();
        log(
            gateway, function, request, caller, request_id, status, reason,
        );
    }
}

/// Logs one refused request, unless the rate limit is exceeded.
#[cold]
fn log<B>(
    gateway: &Gateway,
    function: Option<&Function>,
    request: &Request<B>,
    caller: Caller,
    request_id: Uuid,
    status: StatusCode,
    reason: &str,
) {
    let rate = function.map_or(&gateway.refusals_logged, |function| {
        &function.refusals_logged
    });
    let allowed = rate.count(MAX_LINES_PER_SECOND);
    if let Some(requests) = allowed.dropped {
        let function = function.map(|function| function.slug.as_str());
        tracing::info!(
            function,
            "{requests} refused requests were not logged: a function gets {MAX_LINES_PER_SECOND} of these lines a second"
        );
    }
    if !allowed.line {
        return;
    }
    let line = Line {
        function: function.map(|function| function.slug.to_string()),
        host: shown(&host_of(request)),
        path: shown(request.uri().path()),
        address: caller.address.map(|address| address.to_string()),
        request_id,
        status: status.as_u16(),
        events: function.map(|function| Events::of(gateway, function)),
    };
    let presented = presented(request.headers(), request.uri());
    match (status, &presented, function) {
        (StatusCode::UNAUTHORIZED, Presented::Token(hash), Some(function)) => {
            explain_unauthorized(gateway, line, hash, &function.id);
        }
        (StatusCode::UNAUTHORIZED, presented, _) => line.write(&presented.fault(), None),
        (_, Presented::Token(hash), _) => {
            let known = gateway.registry.tokens.known(hash);
            line.write(&reason, known.map(|token| token.grant.token).as_ref());
        }
        _ => line.write(&reason, None),
    }
}

struct Line {
    function: Option<String>,
    host: String,
    path: String,
    address: Option<String>,
    request_id: Uuid,
    status: u16,
    /// `None` without a function.
    events: Option<Events>,
}

/// The function's log, for the owner of the function.
struct Events {
    logs: Logs,
    clock: Clock,
    function: FunctionId,
}

impl Events {
    fn of(gateway: &Gateway, function: &Function) -> Self {
        Self {
            logs: gateway.logs.clone(),
            clock: gateway.clock.clone(),
            function: function.id.clone(),
        }
    }

    fn send(&self, request_id: Uuid, message: String) {
        self.logs.send(Entry {
            function: self.function.clone(),
            at_ms: self.clock.now_ms(),
            deployment: None,
            sample: 1.0,
            content: EntryContent::Event(EventEntry {
                level: Level::Info,
                event: "call.refused",
                message,
                request_id: Some(request_id),
            }),
        });
    }
}

impl Line {
    fn write(&self, reason: &dyn Display, token: Option<&TokenId>) {
        let Self {
            function,
            host,
            path,
            address,
            request_id,
            status,
            events,
        } = self;
        // Refusals with another status do not concern the token, so the function's log does not get them.
        if let Some(events) = events
            && matches!(status, 401 | 403 | 429)
        {
            let token = token.map_or_else(String::new, |token| format!(" ({token})"));
            events.send(*request_id, format!("{status} for {path}: {reason}{token}"));
        }
        tracing::info!(
            function = function.as_deref(),
            host,
            path,
            address = address.as_deref(),
            %request_id,
            status,
            token = token.map(TokenId::as_str),
            %reason,
            "request refused"
        );
    }
}

/// What the request has as its token.
enum Presented {
    /// A well-formed token.
    Token(TokenHash),
    /// No token header. `elsewhere` is the place in the request that has a token by mistake.
    Nothing {
        elsewhere: Option<String>,
    },
    Twice,
    /// An access token, which cannot call functions.
    AccessToken,
    Malformed(String),
}

impl Presented {
    fn fault(&self) -> String {
        match self {
            Self::Token(_) => "the token is not valid".to_owned(),
            Self::Nothing { elsewhere: None } => "no X-Jelou-Token header".to_owned(),
            Self::Nothing {
                elsewhere: Some(place),
            } => format!("no X-Jelou-Token header; {place} is not read"),
            Self::Twice => "more than one X-Jelou-Token header".to_owned(),
            Self::AccessToken => {
                "an access token (jfn_pat_...), which cannot call functions: send a runtime token (jfn_rt_...)".to_owned()
            }
            Self::Malformed(reason) => reason.clone(),
        }
    }
}

fn presented(headers: &HeaderMap, uri: &Uri) -> Presented {
    let value = match auth::presented(headers) {
        Err(NoSingleToken::Absent) => {
            return Presented::Nothing {
                elsewhere: token_elsewhere(headers, uri),
            };
        }
        Err(NoSingleToken::Repeated) => return Presented::Twice,
        Ok(b"") => return Presented::Malformed("the X-Jelou-Token header is empty".to_owned()),
        Ok(value) => value,
    };
    match RuntimeToken::parse_bytes(value) {
        Ok(token) => Presented::Token(token.hash()),
        Err(_) if AccessToken::parse_bytes(value).is_ok() => Presented::AccessToken,
        Err(_) if str::from_utf8(value).is_ok_and(has_token) && value.len() > RuntimeToken::LEN => {
            Presented::Malformed(
                "the header has more than the token: no `Bearer`, no quotes, no spaces".to_owned(),
            )
        }
        // The error contains no part of the value.
        Err(error) => Presented::Malformed(error.to_string()),
    }
}

/// Returns where the caller put a token by mistake.
fn token_elsewhere(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    if headers.contains_key(header::AUTHORIZATION) {
        return Some("Authorization".to_owned());
    }
    let mut with_token = headers
        .iter()
        .filter(|(_, value)| value.to_str().is_ok_and(has_token));
    if let Some((name, _)) = with_token.next() {
        return Some(format!("the token in the header `{name}`"));
    }
    let in_query = uri.query().is_some_and(has_token);
    in_query.then(|| "the token in the query".to_owned())
}

fn has_token(text: &str) -> bool {
    scan(text).next().is_some()
}

fn explain_unauthorized(gateway: &Gateway, line: Line, hash: &TokenHash, function: &FunctionId) {
    if let Some(token) = gateway.registry.tokens.known(hash) {
        let reason = if token.function == *function {
            let fault = token.fault(gateway.clock.now());
            fault.unwrap_or_else(|| "the token is not valid".to_owned())
        } else {
            "a token of another function".to_owned()
        };
        line.write(&reason, Some(&token.grant.token));
        return;
    }
    // Revoked tokens are not in the registry. The store is read only for the log line, in a separate task.
    let (store, hash) = (gateway.store.clone(), *hash);
    tokio::spawn(async move {
        match store.revocation(&hash).await {
            Ok(Some(revocation)) => {
                let Revocation { token, at, by } = revocation;
                let by = by.map_or_else(String::new, |by| format!(" by the access token `{by}`"));
                line.write(
                    &format_args!("the token was revoked at {at:.0}{by}"),
                    Some(&token),
                );
            }
            _ => line.write(&"no such token", None),
        }
    });
}

/// Returns the refusal reason for an unknown function name.
pub(crate) fn no_such_function(name: &str) -> Cow<'static, str> {
    let name = shown(name);
    format!("no function is called `{}`", name.escape_debug()).into()
}

/// Prepares a part of the request for the log: redacts tokens and truncates it.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = redact_path(text).into_owned();
    if shown.len() > MAX_SHOWN_BYTES {
        let end = shown.floor_char_boundary(MAX_SHOWN_BYTES);
        shown.truncate(end);
        shown.push_str("...");
    }
    shown
}
