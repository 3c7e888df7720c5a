//! Routes of a function's runtime tokens.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use jelou_core::TokenId;
use jelou_core::api::{
    CheckToken, CreateToken, CreatedToken, ImportReport, ImportTokens, List, Problem, RevokeTokens,
    RotateToken, RuntimeTokenInfo, RuntimeTokenPage, TokenCheck, TokenExport, TokenUsageReport,
    UpdateToken,
};
use jelou_store::LastTokenRule;
use serde::Deserialize;

use super::app::App;
use super::auth::{Administrator, Reader, TokenWriter};
use super::extract::{self, Query, SlugAndName, SlugPath, at_most};
use super::list::Listed;
use super::problem::ApiError;

/// The number of tokens in a page without `limit`, and the maximum.
const DEFAULT_TOKENS: usize = 100;
const MAX_TOKENS: usize = 1_000;
/// Maximum number of days in a usage report.
const MAX_DAYS: u32 = 366;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    after: Option<String>,
    limit: Option<usize>,
}

/// The function's unrevoked runtime tokens, oldest first.
#[utoipa::path(get, operation_id = "listTokens", path = "/v1/functions/{slug}/tokens", tag = "tokens", security(("accessToken" = ["read:{slug}"])), params(
    ("slug" = String, Path),
    ("after" = Option<String>, Query, description = "Only tokens after the one with this id"),
    ("limit" = Option<u32>, Query, description = "How many, up to 1000; 100 when absent"),
), responses(
    (status = 200, body = RuntimeTokenPage),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(control): State<App>,
    _: Reader,
    SlugPath(slug): SlugPath,
    Query(query): Query<PageQuery>,
) -> Result<Listed<RuntimeTokenPage>, ApiError> {
    let limit = at_most("limit", query.limit.unwrap_or(DEFAULT_TOKENS), MAX_TOKENS)?;
    let after = query.after.as_deref().map(token_id).transpose()?;
    let (tokens, next) = control.tokens(&slug, after.as_ref(), limit).await?;
    Ok(Listed {
        body: RuntimeTokenPage {
            items: tokens.rows,
            next,
        },
        unreadable: tokens.unreadable,
    })
}

fn token_id(text: &str) -> Result<TokenId, ApiError> {
    text.parse()
        .map_err(|error| ApiError::invalid(format!("`after`: {error}")))
}

/// Creates a runtime token, valid from the next request on. Only this response contains its value.
#[utoipa::path(post, operation_id = "createToken", path = "/v1/functions/{slug}/tokens", tag = "tokens", security(("accessToken" = ["tokens:{slug}"])), params(("slug" = String, Path)), request_body = CreateToken, responses(
    (status = 201, body = CreatedToken),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    State(control): State<App>,
    TokenWriter(caller): TokenWriter,
    SlugPath(slug): SlugPath,
    extract::Json(new): extract::Json<CreateToken>,
) -> Result<(StatusCode, Json<CreatedToken>), ApiError> {
    let created = control.create_token(caller.actor(), slug, new).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// One token, named by its id, its name or a display prefix that is unambiguous in the function.
#[utoipa::path(get, operation_id = "getToken", path = "/v1/functions/{slug}/tokens/{token}", tag = "tokens", security(("accessToken" = ["read:{slug}"])), params(("slug" = String, Path), ("token" = String, Path)), responses(
    (status = 200, body = RuntimeTokenInfo),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn info(
    State(control): State<App>,
    _: Reader,
    SlugAndName(slug, token): SlugAndName,
) -> Result<Json<RuntimeTokenInfo>, ApiError> {
    Ok(Json(control.token(&slug, &token).await?))
}

#[derive(Debug, Deserialize)]
pub(super) struct ForceQuery {
    #[serde(default)]
    force: bool,
}

impl ForceQuery {
    fn rule(&self) -> LastTokenRule {
        if self.force {
            LastTokenRule::Waived
        } else {
            LastTokenRule::Enforced
        }
    }
}

/// Changes a token: its name, state, expiry, limits or labels. The next call sees the change. Without `force`, the last
/// active token of a function cannot be disabled.
#[utoipa::path(patch, operation_id = "updateToken", path = "/v1/functions/{slug}/tokens/{token}", tag = "tokens", security(("accessToken" = ["tokens:{slug}"])), params(
    ("slug" = String, Path),
    ("token" = String, Path),
    ("force" = Option<bool>, Query, description = "Disable even the last active token"),
), request_body = UpdateToken, responses(
    (status = 200, body = RuntimeTokenInfo),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn update(
    State(control): State<App>,
    TokenWriter(caller): TokenWriter,
    SlugAndName(slug, token): SlugAndName,
    Query(query): Query<ForceQuery>,
    extract::Json(update): extract::Json<UpdateToken>,
) -> Result<Json<RuntimeTokenInfo>, ApiError> {
    let updated = control
        .update_token(caller.actor(), slug, token, update, query.rule())
        .await?;
    Ok(Json(updated))
}

/// Gives a token a new value, valid from the next request on. The old value stays valid for `graceSeconds`. Only this
/// response contains the new value.
#[utoipa::path(post, operation_id = "rotateToken", path = "/v1/functions/{slug}/tokens/{token}/rotation", tag = "tokens", security(("accessToken" = ["tokens:{slug}"])), params(("slug" = String, Path), ("token" = String, Path)), request_body = RotateToken, responses(
    (status = 201, body = CreatedToken),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn rotate(
    State(control): State<App>,
    TokenWriter(caller): TokenWriter,
    SlugAndName(slug, token): SlugAndName,
    extract::Json(rotation): extract::Json<RotateToken>,
) -> Result<(StatusCode, Json<CreatedToken>), ApiError> {
    let rotated = control
        .rotate_token(caller.actor(), slug, token, rotation)
        .await?;
    Ok((StatusCode::CREATED, Json(rotated)))
}

/// Whether a token allows a call now, and if not, why. The check does not count towards the rate or the quota.
#[utoipa::path(post, operation_id = "checkToken", path = "/v1/functions/{slug}/tokens/{token}/check", tag = "tokens", security(("accessToken" = ["read:{slug}"])), params(("slug" = String, Path), ("token" = String, Path)), request_body = CheckToken, responses(
    (status = 200, body = TokenCheck),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn check(
    State(control): State<App>,
    _: Reader,
    SlugAndName(slug, token): SlugAndName,
    extract::Json(call): extract::Json<CheckToken>,
) -> Result<Json<TokenCheck>, ApiError> {
    Ok(Json(control.check_token(&slug, &token, call).await?))
}

#[derive(Debug, Deserialize)]
pub(super) struct DaysQuery {
    #[serde(default = "default_days")]
    days: u32,
}

fn default_days() -> u32 {
    30
}

/// The use of each token in the last days (UTC), including today: calls, errors, refused requests and the 95th
/// percentile of durations.
#[utoipa::path(get, operation_id = "tokenUsage", path = "/v1/functions/{slug}/token-usage", tag = "tokens", security(("accessToken" = ["read:{slug}"])), params(
    ("slug" = String, Path),
    ("days" = Option<u32>, Query, description = "Days to report, 1 to 366; 30 by default. The server keeps those of `metrics.max_age_days`"),
), responses(
    (status = 200, body = List<TokenUsageReport>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn usage(
    State(control): State<App>,
    _: Reader,
    SlugPath(slug): SlugPath,
    Query(query): Query<DaysQuery>,
) -> Result<Listed<List<TokenUsageReport>>, ApiError> {
    let days = at_most("days", query.days, MAX_DAYS)?;
    Ok(control.token_usage(&slug, days).await?.into())
}

/// The function's unrevoked runtime tokens with the hashes of their values, for import into another server. The audit
/// trail records the export.
#[utoipa::path(post, operation_id = "exportTokens", path = "/v1/functions/{slug}/token-export", tag = "tokens", security(("accessToken" = ["admin"])), params(("slug" = String, Path)), responses(
    (status = 200, body = TokenExport),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn export(
    State(control): State<App>,
    Administrator(caller): Administrator,
    SlugPath(slug): SlugPath,
) -> Result<Json<TokenExport>, ApiError> {
    Ok(Json(control.export_tokens(caller.actor(), slug).await?))
}

/// Imports tokens with the hashes of their values. They are valid from the next request on. If one token clashes with a
/// token of this server, none is imported.
#[utoipa::path(post, operation_id = "importTokens", path = "/v1/functions/{slug}/token-import", tag = "tokens", security(("accessToken" = ["admin"])), params(("slug" = String, Path)), request_body = ImportTokens, responses(
    (status = 200, body = ImportReport),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn import(
    State(control): State<App>,
    Administrator(caller): Administrator,
    SlugPath(slug): SlugPath,
    extract::Json(import): extract::Json<ImportTokens>,
) -> Result<Json<ImportReport>, ApiError> {
    let report = control.import_tokens(caller.actor(), slug, import).await?;
    Ok(Json(report))
}

/// Ends the grace period of a rotation. The next request with the old value is refused.
#[utoipa::path(delete, operation_id = "finishRotation", path = "/v1/functions/{slug}/tokens/{token}/rotation", tag = "tokens", security(("accessToken" = ["tokens:{slug}"])), params(("slug" = String, Path), ("token" = String, Path)), responses(
    (status = 200, body = RuntimeTokenInfo),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn finish_rotation(
    State(control): State<App>,
    TokenWriter(caller): TokenWriter,
    SlugAndName(slug, token): SlugAndName,
) -> Result<Json<RuntimeTokenInfo>, ApiError> {
    let finished = control.finish_rotation(caller.actor(), slug, token).await?;
    Ok(Json(finished))
}

/// Revokes several tokens in one change: those with the given ids, tag and creator, all of them or none. The next request with
/// one of them is refused. Without `force`, the last active token of a function cannot be revoked.
#[utoipa::path(post, operation_id = "revokeTokens", path = "/v1/functions/{slug}/token-revocation", tag = "tokens", security(("accessToken" = ["tokens:{slug}"])), params(("slug" = String, Path)), request_body = RevokeTokens, responses(
    (status = 200, body = List<RuntimeTokenInfo>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn revoke_many(
    State(control): State<App>,
    TokenWriter(caller): TokenWriter,
    SlugPath(slug): SlugPath,
    extract::Json(selection): extract::Json<RevokeTokens>,
) -> Result<Json<List<RuntimeTokenInfo>>, ApiError> {
    let items = control
        .revoke_tokens(caller.actor(), slug, selection)
        .await?;
    Ok(Json(List { items }))
}

/// Revokes a token. The next request with it is refused. Without `force`, the last active token of a function cannot be
/// revoked.
#[utoipa::path(delete, operation_id = "revokeToken", path = "/v1/functions/{slug}/tokens/{token}", tag = "tokens", security(("accessToken" = ["tokens:{slug}"])), params(
    ("slug" = String, Path),
    ("token" = String, Path),
    ("force" = Option<bool>, Query, description = "Revoke even the last active token"),
), responses(
    (status = 204),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn revoke(
    State(control): State<App>,
    TokenWriter(caller): TokenWriter,
    SlugAndName(slug, token): SlugAndName,
    Query(query): Query<ForceQuery>,
) -> Result<StatusCode, ApiError> {
    control
        .revoke_token(caller.actor(), slug, token, query.rule())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
