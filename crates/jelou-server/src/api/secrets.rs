//! Routes of a function's secrets.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use jelou_core::SecretKey;
use jelou_core::api::{
    List, Problem, RollbackSecret, Secret, SecretRolledBack, SecretsChanged, SetSecrets,
};

use super::app::App;
use super::auth::{Reader, SecretWriter};
use super::extract::{self, SlugAndName, SlugPath};
use super::list::Listed;
use super::problem::ApiError;

/// Names of the function's secrets. Values are never returned.
#[utoipa::path(get, operation_id = "listSecrets", path = "/v1/functions/{slug}/secrets", tag = "secrets", security(("accessToken" = ["read:{slug}"])), params(("slug" = String, Path)), responses(
    (status = 200, body = List<Secret>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(control): State<App>,
    _: Reader,
    SlugPath(slug): SlugPath,
) -> Result<Listed<List<Secret>>, ApiError> {
    Ok(control.secrets(&slug, None).await?.into())
}

/// Sets secrets, all of them or none. The function's next request sees them.
#[utoipa::path(patch, operation_id = "setSecrets", path = "/v1/functions/{slug}/secrets", tag = "secrets", security(("accessToken" = ["secrets:{slug}"])), params(("slug" = String, Path)), request_body = SetSecrets, responses(
    (status = 200, body = SecretsChanged),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn set(
    State(control): State<App>,
    SecretWriter(caller): SecretWriter,
    SlugPath(slug): SlugPath,
    extract::Json(request): extract::Json<SetSecrets>,
) -> Result<Json<SecretsChanged>, ApiError> {
    let changed = control.set_secrets(caller.actor(), slug, None, request);
    Ok(Json(changed.await?))
}

/// Deletes a secret. The function's next request does not see it.
#[utoipa::path(delete, operation_id = "deleteSecret", path = "/v1/functions/{slug}/secrets/{key}", tag = "secrets", security(("accessToken" = ["secrets:{slug}"])), params(("slug" = String, Path), ("key" = String, Path)), responses(
    (status = 204),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn delete(
    State(control): State<App>,
    SecretWriter(caller): SecretWriter,
    SlugAndName(slug, key): SlugAndName,
) -> Result<StatusCode, ApiError> {
    let key = secret_key(&key)?;
    let deleted = control.delete_secret(caller.actor(), slug, None, key);
    deleted.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Restores an earlier version of a secret, as a new version. The function's next request sees it.
#[utoipa::path(post, operation_id = "rollbackSecret", path = "/v1/functions/{slug}/secrets/{key}/rollback", tag = "secrets", security(("accessToken" = ["secrets:{slug}"])), params(("slug" = String, Path), ("key" = String, Path)), request_body = RollbackSecret, responses(
    (status = 200, body = SecretRolledBack),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn rollback(
    State(control): State<App>,
    SecretWriter(caller): SecretWriter,
    SlugAndName(slug, key): SlugAndName,
    extract::Json(rollback): extract::Json<RollbackSecret>,
) -> Result<Json<SecretRolledBack>, ApiError> {
    let key = secret_key(&key)?;
    let rolled_back = control.rollback_secret(caller.actor(), slug, key, rollback);
    Ok(Json(rolled_back.await?))
}

pub(super) fn secret_key(text: &str) -> Result<SecretKey, ApiError> {
    text.parse()
        .map_err(|error| ApiError::invalid(format!("{error}")))
}
