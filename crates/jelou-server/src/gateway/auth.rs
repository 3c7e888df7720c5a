//! The token rule: one `X-Jelou-Token` header that holds an active token of this function. Whatever else is wrong,
//! the answer is the same. Only then come the token's own limits, in this order: from where it may be used, what for,
//! and how often.

use http::HeaderMap;
use http::header::HeaderName;
use jelou_token::RuntimeToken;

use super::answer::Answer;
use super::{Caller, Gateway};
use crate::registry::{Function, Grant};

pub(crate) const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-jelou-token");

/// What the token of a request allows, if it may be used from where the caller is.
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

/// Counts a call of a path of these tools toward the token's rate, unless the token is not for them; there are none
/// where the path is no route.
pub(crate) fn admit<'a>(
    grant: &Grant,
    tools: impl IntoIterator<Item = &'a str>,
) -> Result<(), Answer<'static>> {
    match grant.scopes() {
        Some(scopes) if !scopes.allow_route(tools) => Err(Answer::Forbidden),
        _ => count(grant),
    }
}

/// Counts a call that is allowed.
pub(crate) fn count(grant: &Grant) -> Result<(), Answer<'static>> {
    grant
        .count()
        .map_err(|retry_after| Answer::TooManyRequests { retry_after })
}

fn authenticate(gateway: &Gateway, headers: &HeaderMap, function: &Function) -> Option<Grant> {
    let mut values = headers.get_all(TOKEN_HEADER).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    // Length, alphabet and checksum are checked before anything is hashed, so a value of any size costs nothing.
    let hash = RuntimeToken::hash_presented(value.as_bytes())?;
    gateway
        .registry
        .tokens
        .authenticate(&hash, &function.id, gateway.clock.now_ms())
}
