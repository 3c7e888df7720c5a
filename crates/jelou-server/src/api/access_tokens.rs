//! Routes of access tokens.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use jelou_core::api::{
    AccessTokenInfo, CreateAccessToken, CreatedAccessToken, List, Problem, RotateToken,
};

use super::app::App;
use super::auth::Administrator;
use super::extract;
use super::list::Listed;
use super::problem::ApiError;

/// The unrevoked access tokens, oldest first.
#[utoipa::path(get, operation_id = "listAccessTokens", path = "/v1/access-tokens", tag = "access tokens", security(("accessToken" = ["admin"])), responses(
    (status = 200, body = List<AccessTokenInfo>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(control): State<App>,
    _: Administrator,
) -> Result<Listed<List<AccessTokenInfo>>, ApiError> {
    Ok(control.access_tokens().await?.into())
}

/// Creates an access token. Only this response contains its value.
#[utoipa::path(post, operation_id = "createAccessToken", path = "/v1/access-tokens", tag = "access tokens", security(("accessToken" = ["admin"])), request_body = CreateAccessToken, responses(
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

/// Revokes an access token, named by its id, its name or an unambiguous display prefix.
#[utoipa::path(delete, operation_id = "revokeAccessToken", path = "/v1/access-tokens/{token}", tag = "access tokens", security(("accessToken" = ["admin"])), params(("token" = String, Path)), responses(
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

/// One access token, named by its id, its name or an unambiguous display prefix.
#[utoipa::path(get, operation_id = "getAccessToken", path = "/v1/access-tokens/{token}", tag = "access tokens", security(("accessToken" = ["admin"])), params(("token" = String, Path)), responses(
    (status = 200, body = AccessTokenInfo),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn info(
    State(control): State<App>,
    _: Administrator,
    Path(token): Path<String>,
) -> Result<Json<AccessTokenInfo>, ApiError> {
    Ok(Json(control.access_token(&token).await?))
}

/// Gives an access token a new value, valid from the next request on. The old value stays valid for `graceSeconds`.
/// Only this response contains the new value.
#[utoipa::path(post, operation_id = "rotateAccessToken", path = "/v1/access-tokens/{token}/rotation", tag = "access tokens", security(("accessToken" = ["admin"])), params(("token" = String, Path)), request_body = RotateToken, responses(
    (status = 201, body = CreatedAccessToken),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn rotate(
    State(control): State<App>,
    Administrator(caller): Administrator,
    Path(token): Path<String>,
    extract::Json(rotation): extract::Json<RotateToken>,
) -> Result<(StatusCode, Json<CreatedAccessToken>), ApiError> {
    let rotated = control
        .rotate_access_token(caller.actor(), token, rotation)
        .await?;
    Ok((StatusCode::CREATED, Json(rotated)))
}

/// Ends the grace period of a rotation. The next request with the old value is refused.
#[utoipa::path(delete, operation_id = "finishAccessTokenRotation", path = "/v1/access-tokens/{token}/rotation", tag = "access tokens", security(("accessToken" = ["admin"])), params(("token" = String, Path)), responses(
    (status = 200, body = AccessTokenInfo),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn finish_rotation(
    State(control): State<App>,
    Administrator(caller): Administrator,
    Path(token): Path<String>,
) -> Result<Json<AccessTokenInfo>, ApiError> {
    let finished = control
        .finish_access_token_rotation(caller.actor(), token)
        .await?;
    Ok(Json(finished))
}
