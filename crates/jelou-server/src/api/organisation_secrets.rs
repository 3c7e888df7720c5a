//! Routes of the organisation's secrets.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use jelou_core::api::{
    List, Problem, RollbackSecret, Secret, SecretRolledBack, SecretsChanged, SetSecrets,
};

use super::app::App;
use super::auth::Administrator;
use super::extract;
use super::list::Listed;
use super::problem::ApiError;
use super::secrets::secret_key;

/// Names of the organisation's secrets. Values are never returned.
#[utoipa::path(get, operation_id = "listOrganisationSecrets", path = "/v1/secrets", tag = "secrets", security(("accessToken" = ["admin"])), responses(
    (status = 200, body = List<Secret>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(control): State<App>,
    _: Administrator,
) -> Result<Listed<List<Secret>>, ApiError> {
    Ok(control.organisation_secrets().await?.into())
}

/// Sets secrets of the organisation, all of them or none. The next request of every function sees them, unless the function
/// has a secret of its own with the key.
#[utoipa::path(patch, operation_id = "setOrganisationSecrets", path = "/v1/secrets", tag = "secrets", security(("accessToken" = ["admin"])), request_body = SetSecrets, responses(
    (status = 200, body = SecretsChanged),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn set(
    State(control): State<App>,
    Administrator(caller): Administrator,
    extract::Json(request): extract::Json<SetSecrets>,
) -> Result<Json<SecretsChanged>, ApiError> {
    let changed = control.set_organisation_secrets(caller.actor(), request);
    Ok(Json(changed.await?))
}

/// Deletes a secret of the organisation with its earlier versions.
#[utoipa::path(delete, operation_id = "deleteOrganisationSecret", path = "/v1/secrets/{key}", tag = "secrets", security(("accessToken" = ["admin"])), params(("key" = String, Path)), responses(
    (status = 204),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn delete(
    State(control): State<App>,
    Administrator(caller): Administrator,
    Path(key): Path<String>,
) -> Result<StatusCode, ApiError> {
    let deleted = control.delete_organisation_secret(caller.actor(), secret_key(&key)?);
    deleted.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Restores an earlier version of a secret of the organisation, as a new version.
#[utoipa::path(post, operation_id = "rollbackOrganisationSecret", path = "/v1/secrets/{key}/rollback", tag = "secrets", security(("accessToken" = ["admin"])), params(("key" = String, Path)), request_body = RollbackSecret, responses(
    (status = 200, body = SecretRolledBack),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn rollback(
    State(control): State<App>,
    Administrator(caller): Administrator,
    Path(key): Path<String>,
    extract::Json(rollback): extract::Json<RollbackSecret>,
) -> Result<Json<SecretRolledBack>, ApiError> {
    let key = secret_key(&key)?;
    let rolled_back = control.rollback_organisation_secret(caller.actor(), key, rollback);
    Ok(Json(rolled_back.await?))
}
