//! Token authentication: the request needs exactly one `X-Jelou-Token` header with an active token of this function.
//! Every failure gets the same response. Then the limits of the token are checked in this order: networks, methods,
//! scopes, rate, quota.

use http::header::HeaderName;
use http::{HeaderMap, Method};
use jelou_token::RuntimeToken;

use super::answer::{Answer, Forbidden};
use super::{Caller, Gateway};
use crate::registry::{Denied, Function, Grant};

pub(crate) const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-jelou-token");

/// Returns the grant of a request's token, if the token allows the caller's network.
pub(crate) fn grant(
    gateway: &Gateway,
    headers: &HeaderMap,
    function: &Function,
    caller: Caller,
) -> Result<Grant, Answer<'static>> {
    let grant = authenticate(gateway, headers, function).ok_or(Answer::Unauthorized)?;
    allowed(gateway, &grant, grant.allow_caller(caller.address))?;
    Ok(grant)
}

/// Returns the grant of a request's token, if the token allows this method and one of these tools. `tools` is empty if
/// the path is no route. Counts the call towards the token's rate and quota.
pub(crate) fn authorize<'a>(
    gateway: &Gateway,
    (method, headers): (&Method, &HeaderMap),
    function: &Function,
    caller: Caller,
    tools: impl IntoIterator<Item = &'a str>,
) -> Result<Grant, Answer<'static>> {
    let grant = grant(gateway, headers, function, caller)?;
    allowed(gateway, &grant, grant.allow_route(method.as_str(), tools))?;
    count(gateway, &grant)?;
    Ok(grant)
}

/// Returns the 403 answer and counts a refusal if the token does not allow the request.
pub(crate) fn allowed(
    gateway: &Gateway,
    grant: &Grant,
    outcome: Result<(), Denied>,
) -> Result<(), Answer<'static>> {
    outcome.map_err(|denied| {
        gateway.registry.token_usage.refused(&grant.token);
        Answer::Forbidden(Forbidden::Token(denied))
    })
}

/// Counts an allowed call towards the token's rate and quota.
pub(crate) fn count(gateway: &Gateway, grant: &Grant) -> Result<(), Answer<'static>> {
    grant.count(&gateway.clock).map_err(|status| {
        gateway.registry.token_usage.refused(&grant.token);
        Answer::TooManyRequests(Box::new(status))
    })
}

/// Why a request does not have exactly one token header.
#[derive(Debug)]
pub(super) enum NoSingleToken {
    Absent,
    Repeated,
}

/// Returns the value of the only token header. It may be any bytes.
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
    // Checks length, alphabet and checksum before hashing, so that refusing a long value is cheap.
    let hash = RuntimeToken::hash_presented(value)?;
    let registry = &gateway.registry;
    let outcome = registry
        .tokens
        .authenticate(&hash, &function.id, gateway.clock.now_ms());
    outcome
        .inspect_err(|token| {
            if let Some(token) = token {
                registry.token_usage.refused(token);
            }
        })
        .ok()
}
