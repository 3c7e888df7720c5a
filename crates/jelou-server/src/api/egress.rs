//! Routes of a function's egress rules.

use axum::Json;
use axum::extract::State;
use jelou_core::api::{ChangeEgress, EgressRules, Problem};

use super::app::App;
use super::auth::{Administrator, Reader};
use super::extract::{self, SlugPath};
use super::problem::ApiError;

/// The egress rules of the function: what it may connect to in addition to the public network.
#[utoipa::path(get, operation_id = "listEgressRules", path = "/v1/functions/{slug}/egress", tag = "functions", security(("accessToken" = ["read:{slug}"])), params(("slug" = String, Path)), responses(
    (status = 200, body = EgressRules),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(control): State<App>,
    _: Reader,
    SlugPath(slug): SlugPath,
) -> Result<Json<EgressRules>, ApiError> {
    Ok(Json(control.egress_rules(&slug).await?))
}

/// Adds and removes egress rules, all of them or none. The function's next process has the changed rules. Needs the
/// scope `admin`.
#[utoipa::path(patch, operation_id = "changeEgressRules", path = "/v1/functions/{slug}/egress", tag = "functions", security(("accessToken" = ["admin"])), params(("slug" = String, Path)), request_body = ChangeEgress, responses(
    (status = 200, body = EgressRules),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn change(
    State(control): State<App>,
    Administrator(caller): Administrator,
    SlugPath(slug): SlugPath,
    extract::Json(request): extract::Json<ChangeEgress>,
) -> Result<Json<EgressRules>, ApiError> {
    let changed = control.change_egress(caller.actor(), slug, request);
    Ok(Json(changed.await?))
}
