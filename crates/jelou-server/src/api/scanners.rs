//! Routes for secret scanners: the check of found values, and the webhook of GitHub's secret scanning.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use jelou_core::api::{LeakedToken, List, Problem};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::app::App;
use super::extract::Bytes;
use super::problem::ApiError;

/// Maximum number of values in one request.
const MAX_VALUES: usize = 100;

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FoundTokens {
    /// One item for each value in the body that has the form of a token.
    items: Vec<FoundToken>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FoundToken {
    /// The first characters of the value.
    #[schema(example = "jfn_rt_abc1")]
    prefix: String,
    /// Whether the value is a token of this server that works now: not expired, and not disabled.
    works: bool,
}

/// Tells secret scanners such as TruffleHog whether a found value is a token of this server that works now: 200 if at
/// least one value does, 404 if none does. The body may be any text with values in it. Needs no access token, because
/// everybody who has a valid value can use it anyway.
#[utoipa::path(post, operation_id = "verifyFoundTokens", path = "/v1/leaked-tokens/verify", tag = "tokens", security(()), request_body(content = String, content_type = "application/json"), responses(
    (status = 200, body = FoundTokens),
    (status = 404, body = FoundTokens),
))]
pub(super) async fn verify(State(control): State<App>, Bytes(body): Bytes) -> Response {
    let text = String::from_utf8_lossy(&body);
    let items: Vec<_> = jelou_token::scan(&text)
        .take(MAX_VALUES)
        .map(|found| FoundToken {
            prefix: jelou_token::redact(found.value).into_owned(),
            works: control.works(found.value),
        })
        .collect();
    let status = if items.iter().any(|item| item.works) {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    };
    (status, Json(FoundTokens { items })).into_response()
}

#[derive(Deserialize)]
struct Event {
    action: Option<String>,
    alert: Option<Alert>,
    repository: Option<Repository>,
}

#[derive(Deserialize)]
struct Alert {
    number: u64,
    secret: Option<String>,
}

#[derive(Deserialize)]
struct Repository {
    full_name: String,
}

/// Webhook for GitHub's `secret_scanning_alert`: revokes the token of a new alert. The request is signed with
/// `leaks.github_webhook_secret` (HMAC-SHA256 in `X-Hub-Signature-256`). Needs no access token.
#[utoipa::path(post, operation_id = "githubSecretScanning", path = "/v1/webhooks/github", tag = "tokens", security(()), request_body(content = String, content_type = "application/json"), responses(
    (status = 200, body = List<LeakedToken>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn github(
    State(control): State<App>,
    headers: HeaderMap,
    Bytes(body): Bytes,
) -> Result<Json<List<LeakedToken>>, ApiError> {
    let github = control.github.as_ref().ok_or_else(|| {
        ApiError::no_such_route().hint("set leaks.github_webhook_secret to use this webhook")
    })?;
    if !github.signed(&headers, &body) {
        return Err(ApiError::unauthorized(
            "the signature in X-Hub-Signature-256 does not match this body and leaks.github_webhook_secret",
        ));
    }
    let none = || Ok(Json(List { items: Vec::new() }));
    let name = headers.get("x-github-event");
    if name.is_none_or(|name| name != "secret_scanning_alert") {
        return none();
    }
    let event: Event = serde_json::from_slice(&body)
        .map_err(|error| ApiError::invalid(format!("the event cannot be read: {error}")))?;
    let is_new = event.action.is_some_and(|action| {
        matches!(action.as_str(), "created" | "reopened" | "publicly_leaked")
    });
    let (Some(alert), Some(repository), true) = (event.alert, event.repository, is_new) else {
        return none();
    };
    let secret = match alert.secret {
        Some(secret) => Zeroizing::new(secret),
        None => github
            .secret_of_alert(&repository.full_name, alert.number)
            .await
            .map_err(ApiError::bad_gateway)?,
    };
    let items = control.revoke_found(&secret).await?;
    Ok(Json(List { items }))
}
