//! The token rule: one `X-Jelou-Token` header that holds an active token of this function. Whatever else is wrong,
//! the answer is the same.

use http::HeaderMap;
use http::header::HeaderName;
use jelou_token::RuntimeToken;

use super::Gateway;
use crate::registry::Function;

pub(crate) const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-jelou-token");

pub(crate) fn opens(gateway: &Gateway, headers: &HeaderMap, function: &Function) -> bool {
    let mut values = headers.get_all(TOKEN_HEADER).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    // Length, alphabet and checksum are checked before anything is hashed, so a value of any size costs nothing.
    let Some(hash) = RuntimeToken::hash_presented(value.as_bytes()) else {
        return false;
    };
    gateway
        .registry
        .tokens
        .authenticate(&hash, &function.id, gateway.clock.now_ms())
}
