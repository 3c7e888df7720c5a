//! Route that revokes leaked tokens.

use axum::Json;
use axum::extract::State;
use jelou_core::api::{LeakedToken, List, Problem, ReportLeak};

use super::app::App;
use super::auth::Administrator;
use super::extract;
use super::problem::ApiError;

/// Revokes leaked tokens by their values: access tokens, and runtime tokens of any function, even the last active one.
/// The response has one item for each value, in the same order.
#[utoipa::path(post, operation_id = "revokeLeakedTokens", path = "/v1/leaked-tokens", tag = "tokens", security(("accessToken" = ["admin"])), request_body = ReportLeak, responses(
    (status = 200, body = List<LeakedToken>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn revoke(
    State(control): State<App>,
    Administrator(caller): Administrator,
    extract::Json(report): extract::Json<ReportLeak>,
) -> Result<Json<List<LeakedToken>>, ApiError> {
    let items = control.revoke_leaked(caller.actor(), report).await?;
    Ok(Json(List { items }))
}
