//! Response headers about the request's token: the remaining calls of its rate and quota, and its expiry.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use jelou_core::Clock;
use jiff::SignedDuration;

use super::GatewayBody;
use super::answer::OwnAnswer;
use crate::registry::{Grant, LimitStatus};

/// Header of draft-ietf-httpapi-ratelimit-headers-10.
pub(super) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(super) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// When the presented value expires (RFC 3339).
pub(super) const EXPIRES: HeaderName = HeaderName::from_static("x-jelou-token-expires");
/// Responses have the expiry header during this time before the expiry.
const ANNOUNCED: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Adds the headers. The function's own `RateLimit` headers remain, because these headers are lists.
pub(crate) fn announce(grant: &Grant, clock: &Clock, response: &mut Response<GatewayBody>) {
    // A response to a call over a limit already has the headers.
    let is_over_limit = response.status() == StatusCode::TOO_MANY_REQUESTS
        && response.extensions().get::<OwnAnswer>().is_some();
    let headers = response.headers_mut();
    if let Some(status) = grant.limit_status(clock).filter(|_| !is_over_limit) {
        limits(&status, headers);
    }
    if let Some(end) = grant.expires_at
        && end.duration_since(clock.now()) <= ANNOUNCED
        && let Ok(value) = HeaderValue::try_from(format!("{end:.0}"))
    {
        headers.insert(EXPIRES, value);
    }
}

pub(super) fn limits(status: &LimitStatus, headers: &mut HeaderMap) {
    if let Some(rate) = status.rate {
        let (calls, window) = (rate.rate.calls().get(), rate.rate.period().as_secs());
        append(
            "token",
            (calls, window),
            (rate.remaining, rate.reset),
            headers,
        );
    }
    if let Some(quota) = &status.quota {
        let calls = quota.quota.calls().get();
        let left = (quota.remaining, quota.reset);
        append("quota", (calls, quota.window), left, headers);
    }
}

fn append(
    name: &str,
    (calls, window): (u32, u64),
    (remaining, reset): (u32, u64),
    headers: &mut HeaderMap,
) {
    for (header, value) in [
        (
            RATE_LIMIT_POLICY,
            format!("\"{name}\";q={calls};w={window}"),
        ),
        (RATE_LIMIT, format!("\"{name}\";r={remaining};t={reset}")),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.append(header, value);
        }
    }
}
