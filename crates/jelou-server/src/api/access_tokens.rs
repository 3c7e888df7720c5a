//! Access tokens.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use jelou_core::api::{AccessTokenInfo, CreateAccessToken, CreatedAccessToken, List, Problem};

use super::app::App;
use super::auth::Administrator;
use super::extract;
use super::problem::ApiError;

/// The unrevoked access tokens, oldest first.
#[utoipa::path(get, operation_id = "listAccessTokens", path = "/v1/access-tokens", tag = "access tokens", responses(
    (status = 200, body = List<AccessTokenInfo>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(control): State<App>,
    _: Administrator,
) -> Result<Json<List<AccessTokenInfo>>, ApiError> {
    Ok(Json(List {
        items: control.access_tokens().await?,
    }))
}

/// Creates an access token. Only this response contains its value.
#[utoipa::path(post, operation_id = "createAccessToken", path = "/v1/access-tokens", tag = "access tokens", request_body = CreateAccessToken, responses(
    (status = 201, body = CreatedAccessToken),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    State(control): State<App>,
    Administrator(caller): Administrator,
    extract::Json(new): extract::Json<CreateAccessToken>,
) -> Result<(StatusCode, Json<CreatedAccessToken>), ApiError> {
    let created = control.create_access_token(caller.actor(), new).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// Revokes an access token, by its id, its name or a display prefix that no other one has.
#[utoipa::path(delete, operation_id = "revokeAccessToken", path = "/v1/access-tokens/{token}", tag = "access tokens", params(("token" = String, Path)), responses(
    (status = 204),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn revoke(
    State(control): State<App>,
    Administrator(caller): Administrator,
    Path(token): Path<String>,
) -> Result<StatusCode, ApiError> {
    control.revoke_access_token(caller.actor(), token).await?;
    Ok(StatusCode::NO_CONTENT)
}
