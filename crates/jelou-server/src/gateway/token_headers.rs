//! Response headers about the request's token: what is left of its rate, and its end.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use jiff::{SignedDuration, Timestamp};

use super::GatewayBody;
use super::answer::Refused;
use crate::registry::{Grant, RateStatus};

/// draft-ietf-httpapi-ratelimit-headers-10.
pub(super) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(super) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// The time at which the presented value ends (RFC 3339).
pub(super) const EXPIRES: HeaderName = HeaderName::from_static("x-jelou-token-expires");
/// The time before the end from which on responses name it.
const ANNOUNCED: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Adds the headers. A function may send headers of its own rate limits: a list can hold both.
pub(crate) fn announce(grant: &Grant, now: Timestamp, response: &mut Response<GatewayBody>) {
    // The refusal of a call over the rate has the headers already.
    let is_over_rate = response.status() == StatusCode::TOO_MANY_REQUESTS
        && response.extensions().get::<Refused>().is_some();
    let headers = response.headers_mut();
    if let Some(status) = grant.rate_status().filter(|_| !is_over_rate) {
        rate(&status, headers);
    }
    if let Some(end) = grant.expires_at
        && end.duration_since(now) <= ANNOUNCED
        && let Ok(value) = HeaderValue::try_from(format!("{end:.0}"))
    {
        headers.insert(EXPIRES, value);
    }
}

pub(super) fn rate(status: &RateStatus, headers: &mut HeaderMap) {
    let RateStatus {
        rate,
        remaining,
        reset,
    } = status;
    let window = rate.period().as_secs();
    for (name, value) in [
        (
            RATE_LIMIT_POLICY,
            format!("\"token\";q={};w={window}", rate.calls()),
        ),
        (RATE_LIMIT, format!("\"token\";r={remaining};t={reset}")),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.append(name, value);
        }
    }
}
