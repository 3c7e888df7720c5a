//! Routes of a function's limits.

use axum::Json;
use axum::extract::State;
use jelou_core::api::{ChangeLimits, LimitInForce, List, Problem};

use super::app::App;
use super::auth::{Administrator, Reader};
use super::extract::{self, SlugPath};
use super::problem::ApiError;

/// The limits in force for the function, and who set each of them.
#[utoipa::path(get, operation_id = "listLimits", path = "/v1/functions/{slug}/limits", tag = "functions", security(("accessToken" = ["read:{slug}"])), params(("slug" = String, Path)), responses(
    (status = 200, body = List<LimitInForce>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(control): State<App>,
    _: Reader,
    SlugPath(slug): SlugPath,
) -> Result<Json<List<LimitInForce>>, ApiError> {
    Ok(Json(List {
        items: control.limits_in_force(&slug).await?,
    }))
}

/// Sets limits of the function and removes others, all of them or none. Needs the scope `admin`.
#[utoipa::path(patch, operation_id = "changeLimits", path = "/v1/functions/{slug}/limits", tag = "functions", security(("accessToken" = ["admin"])), params(("slug" = String, Path)), request_body = ChangeLimits, responses(
    (status = 200, body = List<LimitInForce>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn change(
    State(control): State<App>,
    Administrator(caller): Administrator,
    SlugPath(slug): SlugPath,
    extract::Json(request): extract::Json<ChangeLimits>,
) -> Result<Json<List<LimitInForce>>, ApiError> {
    let changed = control.change_limits(caller.actor(), slug, request);
    Ok(Json(List {
        items: changed.await?,
    }))
}
