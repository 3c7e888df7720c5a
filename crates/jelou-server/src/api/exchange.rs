//! The token endpoint: exchanges an identity token (OAuth 2.0 Token Exchange, RFC 8693). Its errors have the format of
//! OAuth 2.0 (RFC 6749, section 5.2), which OAuth clients expect.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, HeaderValue};
use jelou_core::Scopes;
use jelou_core::api::ExchangedToken;
use serde::Serialize;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::app::App;
use super::extract::Bytes;
use super::nul;
use super::problem::ApiError;
use crate::control::{ExchangeError, LIFETIME, RequestedToken};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// Maximum bytes of the description of an error, in the response and in the log.
const MAX_DESCRIPTION_BYTES: usize = 1000;
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const SUBJECT_TYPES: [&str; 2] = [
    "urn:ietf:params:oauth:token-type:jwt",
    "urn:ietf:params:oauth:token-type:id_token",
];

/// Fields of the form in the request body.
#[derive(Debug, utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the form for the document of the API")]
pub(super) struct ExchangeForm {
    /// `urn:ietf:params:oauth:grant-type:token-exchange`.
    grant_type: String,
    /// The identity token.
    subject_token: String,
    /// `urn:ietf:params:oauth:token-type:jwt` or `...:id_token`.
    subject_token_type: String,
    /// Scopes of the access token, separated by spaces. Default: all scopes that the trust policies give.
    scope: Option<String>,
    /// Slug of the function to call. If it is present, the response has a runtime token instead of an access token.
    audience: Option<String>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ExchangeProblem {
    #[schema(example = "invalid_grant")]
    error: &'static str,
    error_description: String,
}

/// Exchanges the identity token of a pipeline or a pod for a token of 15 minutes (RFC 8693). Needs no access token.
#[utoipa::path(post, operation_id = "exchangeToken", path = "/v1/token", tag = "trust", security(()), request_body(content = ExchangeForm, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 200, body = ExchangedToken),
    (status = 400, body = ExchangeProblem),
))]
pub(super) async fn exchange(
    State(control): State<App>,
    body: Result<Bytes, ApiError>,
) -> Response {
    let Bytes(body) = match body {
        Ok(body) => body,
        Err(error) => {
            let (status, (detail, _)) = (error.status(), error.into_texts());
            return problem(status, "invalid_request", &detail);
        }
    };
    let (subject_token, wanted) = match parse(&body) {
        Ok(parsed) => parsed,
        Err(detail) => return problem(StatusCode::BAD_REQUEST, "invalid_request", &detail),
    };
    match control.exchange(&subject_token, wanted).await {
        Ok(issued) => {
            tracing::info!(policies = issued.policies, "identity token exchanged");
            let is_runtime = issued.scopes.is_none();
            let token = ExchangedToken {
                access_token: issued.value.to_string(),
                issued_token_type: ACCESS_TOKEN.to_owned(),
                token_type: if is_runtime { "N_A" } else { "Bearer" }.to_owned(),
                expires_in: LIFETIME.unsigned_abs(),
                scope: issued.scopes.map(|scopes| scopes.to_string()),
            };
            private(Json(token).into_response())
        }
        Err(error) => refuse(&error),
    }
}

fn refuse(error: &ExchangeError) -> Response {
    let description = shortened(&error.to_string());
    match error {
        ExchangeError::Internal(cause) => {
            tracing::error!(%cause, "internal error of an exchange");
            problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                &description,
            )
        }
        ExchangeError::Unavailable | ExchangeError::PoliciesChanged => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            problem(status, "temporarily_unavailable", &description)
        }
        ExchangeError::Scope(_) => problem(StatusCode::BAD_REQUEST, "invalid_scope", &description),
        _ => {
            tracing::info!(reason = description, "identity token refused");
            problem(StatusCode::BAD_REQUEST, "invalid_grant", &description)
        }
    }
}

/// Cuts a text that contains claims of a token, which may be forged and long.
fn shortened(text: &str) -> String {
    let end = text.floor_char_boundary(MAX_DESCRIPTION_BYTES);
    let cut = if end < text.len() { "..." } else { "" };
    format!("{}{cut}", &text[..end])
}

fn problem(status: StatusCode, error: &'static str, description: &str) -> Response {
    let problem = ExchangeProblem {
        error,
        error_description: jelou_token::redact(description).into_owned(),
    };
    private((status, Json(problem)).into_response())
}

/// Forbids caching of a response with a token (RFC 6749, section 5.1).
fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Returns the identity token, and the kind of token that is requested for it.
fn parse(body: &[u8]) -> Result<(Zeroizing<String>, RequestedToken), String> {
    if let Some(name) = nul::in_pairs(form_urlencoded::parse(body)) {
        return Err(format!("`{name}` contains the character U+0000"));
    }
    let [mut grant, mut token, mut kind, mut scope, mut audience] = [const { None }; 5];
    for (name, value) in form_urlencoded::parse(body) {
        let field = match &*name {
            "grant_type" => &mut grant,
            "subject_token" => &mut token,
            "subject_token_type" => &mut kind,
            "scope" => &mut scope,
            "audience" => &mut audience,
            _ => continue,
        };
        if field.replace(value.into_owned()).is_some() {
            return Err(format!("`{name}` is there twice"));
        }
    }
    if grant.as_deref() != Some(GRANT_TYPE) {
        return Err(format!("grant_type must be `{GRANT_TYPE}`"));
    }
    if !kind.is_some_and(|kind| SUBJECT_TYPES.contains(&kind.as_str())) {
        return Err(format!("subject_token_type must be `{}`", SUBJECT_TYPES[0]));
    }
    let token = token.filter(|token| !token.is_empty());
    let token = token.ok_or("subject_token is missing; it is the identity token")?;
    let wanted = match (audience, scope) {
        (Some(slug), None) => {
            RequestedToken::Call(slug.parse().map_err(|error| format!("audience: {error}"))?)
        }
        (None, Some(scopes)) => {
            let scopes: Scopes = scopes.parse().map_err(|error| format!("scope: {error}"))?;
            RequestedToken::Access(Some(scopes).filter(|scopes| !scopes.is_empty()))
        }
        (None, None) => RequestedToken::Access(None),
        (Some(_), Some(_)) => {
            return Err(
                "audience is for a runtime token and scope for an access token: send one"
                    .to_owned(),
            );
        }
    };
    Ok((Zeroizing::new(token), wanted))
}
