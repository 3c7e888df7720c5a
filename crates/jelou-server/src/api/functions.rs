//! Routes of functions.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use jelou_core::api::{CreateFunction, Function, List, Problem};
use jelou_core::{Scope, Verb};

use super::app::App;
use super::auth::{Authenticated, Reader, Writer};
use super::extract::{self, SlugPath};
use super::list::Listed;
use super::problem::ApiError;

/// The functions that the access token may read, sorted by slug.
#[utoipa::path(get, operation_id = "listFunctions", path = "/v1/functions", tag = "functions", security(("accessToken" = [])), responses(
    (status = 200, body = List<Function>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(control): State<App>,
    caller: Authenticated,
) -> Result<Listed<List<Function>>, ApiError> {
    let mut functions = control.functions().await?;
    functions
        .rows
        .retain(|function| caller.may_read(&function.slug));
    if !caller.may_read_all() {
        // They may be other functions.
        functions.unreadable.clear();
    }
    Ok(functions.into())
}

/// Creates a function without a deployment. The first deployment of a new slug also creates the function.
#[utoipa::path(post, operation_id = "createFunction", path = "/v1/functions", tag = "functions", security(("accessToken" = ["deploy:{slug}"])), request_body = CreateFunction, responses(
    (status = 201, body = Function),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    State(control): State<App>,
    caller: Authenticated,
    extract::Json(new): extract::Json<CreateFunction>,
) -> Result<(StatusCode, Json<Function>), ApiError> {
    let caller = caller.require(&Scope::Function(Verb::Deploy, new.slug.clone()))?;
    let function = control.create_function(caller.actor(), new).await?;
    Ok((StatusCode::CREATED, Json(function)))
}

/// One function.
#[utoipa::path(get, operation_id = "getFunction", path = "/v1/functions/{slug}", tag = "functions", security(("accessToken" = ["read:{slug}"])), params(("slug" = String, Path)), responses(
    (status = 200, body = Function),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn info(
    State(control): State<App>,
    _: Reader,
    SlugPath(slug): SlugPath,
) -> Result<Json<Function>, ApiError> {
    Ok(Json(control.function(&slug).await?))
}

/// Deletes a function with its tokens, secrets and deployments.
#[utoipa::path(delete, operation_id = "deleteFunction", path = "/v1/functions/{slug}", tag = "functions", security(("accessToken" = ["functions:write"])), params(("slug" = String, Path)), responses(
    (status = 204),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn delete(
    State(control): State<App>,
    Writer(caller): Writer,
    SlugPath(slug): SlugPath,
) -> Result<StatusCode, ApiError> {
    control.delete_function(caller.actor(), slug).await?;
    Ok(StatusCode::NO_CONTENT)
}
