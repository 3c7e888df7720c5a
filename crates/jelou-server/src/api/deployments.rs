//! Deploys and deployments.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use jelou_core::api::{DeployRequest, DeployResult, Deployment, List, Problem};

use super::App;
use super::auth::{Deployer, Reader};
use super::extract::SlugPath;
use super::problem::ApiError;
use super::upload::Upload;

/// The function's deployments, newest first.
#[utoipa::path(get, operation_id = "listDeployments", path = "/v1/functions/{slug}/deployments", tag = "deployments", params(("slug" = String, Path)), responses(
    (status = 200, body = List<Deployment>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(control): State<App>,
    _: Reader,
    SlugPath(slug): SlugPath,
) -> Result<Json<List<Deployment>>, ApiError> {
    Ok(Json(List {
        items: control.deployments(&slug).await?,
    }))
}

/// Builds the files and makes the deployment live. Creates the function when it does not exist. The first deployment
/// creates the runtime token `default`; only its response contains the value.
#[utoipa::path(post, operation_id = "deploy", path = "/v1/functions/{slug}/deployments", tag = "deployments", params(("slug" = String, Path)), request_body = DeployRequest, responses(
    (status = 201, body = DeployResult),
    (status = 200, description = "A dry run: nothing was changed", body = DeployResult),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn deploy(
    State(control): State<App>,
    Deployer(caller): Deployer,
    SlugPath(slug): SlugPath,
    Upload { request, permit }: Upload,
) -> Result<(StatusCode, Json<DeployResult>), ApiError> {
    let status = if request.dry_run {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let result = control.deploy(caller.actor(), slug, request).await?;
    drop(permit);
    Ok((status, Json(result)))
}
