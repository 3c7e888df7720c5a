//! Routes of a function's previews, and of their secrets. Deploys to a preview are in `deployments.rs`.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use jelou_core::PreviewName;
use jelou_core::api::{List, OpenPreview, Preview, Problem, Secret, SecretsChanged, SetSecrets};

use super::app::App;
use super::auth::{Deployer, Reader, SecretWriter};
use super::extract::{self, SlugAndName, SlugNameAndKey, SlugPath};
use super::list::Listed;
use super::problem::ApiError;
use super::secrets::secret_key;

/// The function's previews that have not expired, sorted by name.
#[utoipa::path(get, operation_id = "listPreviews", path = "/v1/functions/{slug}/previews", tag = "previews", security(("accessToken" = ["read:{slug}"])), params(("slug" = String, Path)), responses(
    (status = 200, body = List<Preview>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(control): State<App>,
    _: Reader,
    SlugPath(slug): SlugPath,
) -> Result<Listed<List<Preview>>, ApiError> {
    Ok(control.previews(&slug).await?.into())
}

/// Creates a preview without a deployment, for example to set its secrets first. A deploy to a preview also creates it.
#[utoipa::path(post, operation_id = "createPreview", path = "/v1/functions/{slug}/previews", tag = "previews", security(("accessToken" = ["deploy:{slug}"])), params(("slug" = String, Path)), request_body = OpenPreview, responses(
    (status = 201, body = Preview),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    State(control): State<App>,
    Deployer(caller): Deployer,
    SlugPath(slug): SlugPath,
    extract::Json(open): extract::Json<OpenPreview>,
) -> Result<(StatusCode, Json<Preview>), ApiError> {
    let created = control.create_preview(caller.actor(), slug, open).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// Deletes a preview with its secrets and its memory. Its deployment can still be promoted.
#[utoipa::path(delete, operation_id = "deletePreview", path = "/v1/functions/{slug}/previews/{name}", tag = "previews", security(("accessToken" = ["deploy:{slug}"])), params(("slug" = String, Path), ("name" = String, Path)), responses(
    (status = 204),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn delete(
    State(control): State<App>,
    Deployer(caller): Deployer,
    SlugAndName(slug, name): SlugAndName,
) -> Result<StatusCode, ApiError> {
    let name = preview_name(&name)?;
    control.delete_preview(caller.actor(), slug, name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Names of the preview's own secrets, never their values.
#[utoipa::path(get, operation_id = "listPreviewSecrets", path = "/v1/functions/{slug}/previews/{name}/secrets", tag = "previews", security(("accessToken" = ["read:{slug}"])), params(("slug" = String, Path), ("name" = String, Path)), responses(
    (status = 200, body = List<Secret>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list_secrets(
    State(control): State<App>,
    _: Reader,
    SlugAndName(slug, name): SlugAndName,
) -> Result<Listed<List<Secret>>, ApiError> {
    let name = preview_name(&name)?;
    Ok(control.secrets(&slug, Some(&name)).await?.into())
}

/// Sets secrets of the preview, all of them or none. The preview's next request sees them; the function does not.
#[utoipa::path(patch, operation_id = "setPreviewSecrets", path = "/v1/functions/{slug}/previews/{name}/secrets", tag = "previews", security(("accessToken" = ["secrets:{slug}"])), params(("slug" = String, Path), ("name" = String, Path)), request_body = SetSecrets, responses(
    (status = 200, body = SecretsChanged),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn set_secrets(
    State(control): State<App>,
    SecretWriter(caller): SecretWriter,
    SlugAndName(slug, name): SlugAndName,
    extract::Json(request): extract::Json<SetSecrets>,
) -> Result<Json<SecretsChanged>, ApiError> {
    let name = preview_name(&name)?;
    let changed = control.set_secrets(caller.actor(), slug, Some(name), request);
    Ok(Json(changed.await?))
}

/// Deletes a secret of the preview. The preview's next request does not see it.
#[utoipa::path(delete, operation_id = "deletePreviewSecret", path = "/v1/functions/{slug}/previews/{name}/secrets/{key}", tag = "previews", security(("accessToken" = ["secrets:{slug}"])), params(("slug" = String, Path), ("name" = String, Path), ("key" = String, Path)), responses(
    (status = 204),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn delete_secret(
    State(control): State<App>,
    SecretWriter(caller): SecretWriter,
    SlugNameAndKey(slug, name, key): SlugNameAndKey,
) -> Result<StatusCode, ApiError> {
    let (name, key) = (preview_name(&name)?, secret_key(&key)?);
    let deleted = control.delete_secret(caller.actor(), slug, Some(name), key);
    deleted.await?;
    Ok(StatusCode::NO_CONTENT)
}

fn preview_name(text: &str) -> Result<PreviewName, ApiError> {
    text.parse().map_err(|error| {
        ApiError::invalid(format!(
            "`{}` is not the name of a preview: {error}",
            text.escape_debug()
        ))
    })
}
