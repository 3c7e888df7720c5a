//! Routes of deployments: deploy, rollback, promotion and queries.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use jelou_core::DeploymentId;
use jelou_core::api::{
    DeployRequest, DeployResult, Deployment, DeploymentDetails, DeploymentSource, List, Problem,
    PromoteRequest, RollbackRequest, RollbackResult, UpdateDeployment,
};

use super::app::App;
use super::auth::{Deployer, Reader};
use super::extract::{self, SlugAndName, SlugPath};
use super::list::Listed;
use super::problem::ApiError;
use super::upload::Upload;

/// The function's deployments, newest first. A rollback can restore each of them.
#[utoipa::path(get, operation_id = "listDeployments", path = "/v1/functions/{slug}/deployments", tag = "deployments", security(("accessToken" = ["read:{slug}"])), params(("slug" = String, Path)), responses(
    (status = 200, body = List<Deployment>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(control): State<App>,
    _: Reader,
    SlugPath(slug): SlugPath,
) -> Result<Listed<List<Deployment>>, ApiError> {
    Ok(control.deployments(&slug).await?.into())
}

/// Builds the files and makes the deployment live, or makes it the deployment of a preview. Creates the function if it
/// does not exist. The first deployment creates the runtime token `default`; only its response contains the value.
#[utoipa::path(post, operation_id = "deploy", path = "/v1/functions/{slug}/deployments", tag = "deployments", security(("accessToken" = ["deploy:{slug}"])), params(("slug" = String, Path)), request_body = DeployRequest, responses(
    (status = 201, body = DeployResult),
    (status = 200, description = "A dry run, or the same files are live already: nothing was changed", body = DeployResult),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn deploy(
    State(control): State<App>,
    Deployer(caller): Deployer,
    SlugPath(slug): SlugPath,
    Upload { request, permit }: Upload,
) -> Result<(StatusCode, Json<DeployResult>), ApiError> {
    let is_dry_run = request.dry_run;
    let result = control.deploy(caller.actor(), slug, request).await?;
    let status = if is_dry_run || result.already_live {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    drop(permit);
    Ok((status, Json(result)))
}

/// One deployment, with its tools and schedules.
#[utoipa::path(get, operation_id = "getDeployment", path = "/v1/functions/{slug}/deployments/{id}", tag = "deployments", security(("accessToken" = ["read:{slug}"])), params(("slug" = String, Path), ("id" = String, Path)), responses(
    (status = 200, body = DeploymentDetails),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn info(
    State(control): State<App>,
    _: Reader,
    SlugAndName(slug, id): SlugAndName,
) -> Result<Json<DeploymentDetails>, ApiError> {
    Ok(Json(control.deployment(&slug, &deployment_id(&id)?).await?))
}

/// Pins a deployment, so that later deploys do not delete it, or unpins it.
#[utoipa::path(patch, operation_id = "updateDeployment", path = "/v1/functions/{slug}/deployments/{id}", tag = "deployments", security(("accessToken" = ["deploy:{slug}"])), params(("slug" = String, Path), ("id" = String, Path)), request_body = UpdateDeployment, responses(
    (status = 200, body = DeploymentDetails),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn update(
    State(control): State<App>,
    Deployer(caller): Deployer,
    SlugAndName(slug, id): SlugAndName,
    extract::Json(update): extract::Json<UpdateDeployment>,
) -> Result<Json<DeploymentDetails>, ApiError> {
    let id = deployment_id(&id)?;
    let updated = control.update_deployment(caller.actor(), slug, id, update);
    Ok(Json(updated.await?))
}

/// The files that were uploaded for a deployment.
#[utoipa::path(get, operation_id = "getDeploymentSource", path = "/v1/functions/{slug}/deployments/{id}/source", tag = "deployments", security(("accessToken" = ["read:{slug}"])), params(("slug" = String, Path), ("id" = String, Path)), responses(
    (status = 200, body = DeploymentSource),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn source(
    State(control): State<App>,
    _: Reader,
    SlugAndName(slug, id): SlugAndName,
) -> Result<Json<DeploymentSource>, ApiError> {
    let id = deployment_id(&id)?;
    Ok(Json(control.deployment_source(&slug, &id).await?))
}

/// Makes an earlier deployment live, without a build. If the request names none, this is the deployment that was live
/// and healthy most recently. The function's secrets do not change.
#[utoipa::path(post, operation_id = "rollback", path = "/v1/functions/{slug}/rollback", tag = "deployments", security(("accessToken" = ["deploy:{slug}"])), params(("slug" = String, Path)), request_body = RollbackRequest, responses(
    (status = 200, body = RollbackResult),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn rollback(
    State(control): State<App>,
    Deployer(caller): Deployer,
    SlugPath(slug): SlugPath,
    extract::Json(request): extract::Json<RollbackRequest>,
) -> Result<Json<RollbackResult>, ApiError> {
    let rolled_back = control.rollback(caller.actor(), slug, request);
    Ok(Json(rolled_back.await?))
}

/// Makes a deployment live, without a build. Usually it is the deployment of a preview; the preview does not change.
/// The deployment runs with the function's secrets, and its schedules start.
#[utoipa::path(post, operation_id = "promoteDeployment", path = "/v1/functions/{slug}/deployments/{id}/promote", tag = "deployments", security(("accessToken" = ["deploy:{slug}"])), params(("slug" = String, Path), ("id" = String, Path)), request_body = PromoteRequest, responses(
    (status = 200, body = RollbackResult),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn promote(
    State(control): State<App>,
    Deployer(caller): Deployer,
    SlugAndName(slug, id): SlugAndName,
    extract::Json(request): extract::Json<PromoteRequest>,
) -> Result<Json<RollbackResult>, ApiError> {
    let id = deployment_id(&id)?;
    let promoted = control.promote(caller.actor(), slug, id, request);
    Ok(Json(promoted.await?))
}

fn deployment_id(text: &str) -> Result<DeploymentId, ApiError> {
    text.parse().map_err(|error| {
        ApiError::invalid(format!(
            "`{}` is not the id of a deployment: {error}",
            text.escape_debug()
        ))
        .hint("`jelou deployments list` shows the ids")
    })
}
