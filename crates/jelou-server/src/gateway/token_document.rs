//! `/__token`: returns the limits of the caller's token, and the calls that they still allow. The request does not
//! count towards the rate or the quota.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use jelou_core::policy::{Cidrs, HttpMethods, Quota, Rate, RuntimeScopes};
use jelou_core::{TokenId, TokenName, TokenPolicy};
use jelou_store::NewExchangedToken;
use jiff::Timestamp;
use serde::Serialize;

use super::answer::{self, Answer};
use super::{Caller, Gateway, GatewayBody, auth};
use crate::registry::{Function, Grant, QuotaStatus, RateStatus};

/// Seconds for `Retry-After` when the store cannot be read.
const RETRY_AFTER: u64 = 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    id: &'a TokenId,
    name: &'a TokenName,
    function: &'a str,
    /// When the presented value expires.
    expires_at: Option<Timestamp>,
    /// Whether the token was rotated and the presented value is the old one.
    rotated: bool,
    scopes: Option<&'a RuntimeScopes>,
    cidrs: Option<&'a Cidrs>,
    methods: Option<&'a HttpMethods>,
    rate: Option<Left<Rate>>,
    quota: Option<Left<Quota>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Left<L> {
    limit: L,
    remaining: u32,
    reset_seconds: u64,
}

impl From<RateStatus> for Left<Rate> {
    fn from(status: RateStatus) -> Self {
        Self {
            limit: status.rate,
            remaining: status.remaining,
            reset_seconds: status.reset,
        }
    }
}

impl From<QuotaStatus> for Left<Quota> {
    fn from(status: QuotaStatus) -> Self {
        Self {
            limit: status.quota,
            remaining: status.remaining,
            reset_seconds: status.reset,
        }
    }
}

pub(crate) async fn answer<B>(
    gateway: &Gateway,
    request: &Request<B>,
    function: &Function,
    caller: Caller,
) -> Response<GatewayBody> {
    let allow = HeaderValue::from_static("GET, HEAD, OPTIONS");
    match *request.method() {
        Method::GET | Method::HEAD => {}
        Method::OPTIONS => return answer::options(allow),
        _ => return Answer::MethodNotAllowed { allow }.into(),
    }
    let grant = match auth::grant(gateway, request.headers(), function, caller) {
        Ok(grant) => grant,
        Err(answer) => return answer.into(),
    };
    let token = gateway.store.find_token(&function.id, &grant.token).await;
    match token {
        Ok(token) => {
            let rotated = grant.expires_at != token.expires_at;
            document(
                gateway,
                function,
                &grant,
                (&token.name, &token.policy),
                rotated,
            )
        }
        Err(jelou_store::StoreError::NotFound { .. }) => exchanged(gateway, function, &grant).await,
        Err(error) => {
            tracing::warn!(%error, "cannot read a token for its holder");
            Answer::Unavailable {
                retry_after: RETRY_AFTER,
            }
            .into()
        }
    }
}

/// Returns the document of a token that was issued in exchange for an identity token.
async fn exchanged(gateway: &Gateway, function: &Function, grant: &Grant) -> Response<GatewayBody> {
    let tokens = gateway.store.exchanged_tokens().await;
    for token in tokens.iter().flat_map(|tokens| &tokens.rows) {
        if let NewExchangedToken::Runtime { id, policy, .. } = &token.new
            && *id == grant.token
        {
            return document(gateway, function, grant, (&token.name, policy), false);
        }
    }
    // The token was revoked after its check.
    Answer::Unauthorized.into()
}

fn document(
    gateway: &Gateway,
    function: &Function,
    grant: &Grant,
    (name, policy): (&TokenName, &TokenPolicy),
    rotated: bool,
) -> Response<GatewayBody> {
    let left = grant.limit_status(&gateway.clock).unwrap_or_default();
    let document = Document {
        id: &grant.token,
        name,
        function: function.slug.as_str(),
        expires_at: grant.expires_at,
        rotated,
        scopes: policy.scopes.as_ref(),
        cidrs: policy.cidrs.as_ref(),
        methods: policy.methods.as_ref(),
        rate: left.rate.map(Left::from),
        quota: left.quota.map(Left::from),
    };
    let body = serde_json::to_vec(&document).unwrap_or_default();
    let mut response = answer::json(StatusCode::OK, Bytes::from(body));
    // Caches must not store the document, because it belongs to one holder (RFC 9111, section 5.2.2.5).
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
