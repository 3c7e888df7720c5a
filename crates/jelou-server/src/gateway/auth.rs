//! Token authentication: the request needs exactly one `X-Jelou-Token` header with an active token of this function.
//! Every failure gets the same response. Then the limits of the token are checked in this order: networks, methods,
//! scopes, rate.

use http::header::HeaderName;
use http::{HeaderMap, Method};
use jelou_token::RuntimeToken;

use super::answer::Answer;
use super::{Caller, Gateway};
use crate::registry::{Function, Grant};

pub(crate) const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-jelou-token");

/// Returns the grant of a request's token, if the token allows the caller's network.
pub(crate) fn grant(
    gateway: &Gateway,
    headers: &HeaderMap,
    function: &Function,
    caller: Caller,
) -> Result<Grant, Answer<'static>> {
    let grant = authenticate(gateway, headers, function).ok_or(Answer::Unauthorized)?;
    if grant.allows_caller(caller.address) {
        Ok(grant)
    } else {
        Err(Answer::Forbidden)
    }
}

/// Returns the grant of a request's token, if the token allows this method and one of these tools. `tools` is empty if
/// the path is no route. Counts the call towards the token's rate.
pub(crate) fn authorize<'a>(
    gateway: &Gateway,
    (method, headers): (&Method, &HeaderMap),
    function: &Function,
    caller: Caller,
    tools: impl IntoIterator<Item = &'a str>,
) -> Result<Grant, Answer<'static>> {
    let grant = grant(gateway, headers, function, caller)?;
    if !grant.allows_method(method.as_str()) {
        return Err(Answer::Forbidden);
    }
    match grant.scopes() {
        Some(scopes) if !scopes.allow_route(tools) => Err(Answer::Forbidden),
        _ => count(&grant).map(|()| grant),
    }
}

/// Counts an allowed call towards the token's rate.
pub(crate) fn count(grant: &Grant) -> Result<(), Answer<'static>> {
    grant.count().map_err(Answer::TooManyRequests)
}

/// Why a request presents no token.
#[derive(Debug)]
pub(super) enum NoSingleToken {
    Absent,
    Repeated,
}

/// The value of the one token header, which may be anything.
pub(super) fn presented(headers: &HeaderMap) -> Result<&[u8], NoSingleToken> {
    let mut values = headers.get_all(TOKEN_HEADER).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(NoSingleToken::Absent),
        (Some(_), Some(_)) => Err(NoSingleToken::Repeated),
        (Some(value), None) => Ok(value.as_bytes()),
    }
}

fn authenticate(gateway: &Gateway, headers: &HeaderMap, function: &Function) -> Option<Grant> {
    let value = presented(headers).ok()?;
    // Checks length, alphabet and checksum before hashing, so that a long value is cheap to refuse.
    let hash = RuntimeToken::hash_presented(value)?;
    gateway
        .registry
        .tokens
        .authenticate(&hash, &function.id, gateway.clock.now_ms())
}
