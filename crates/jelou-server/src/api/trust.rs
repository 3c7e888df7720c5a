//! Routes of trust policies.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use jelou_core::api::{CreateTrust, List, Problem, TrustPolicy};

use super::app::App;
use super::auth::Administrator;
use super::extract;
use super::list::Listed;
use super::problem::ApiError;

/// The trust policies, oldest first.
#[utoipa::path(get, operation_id = "listTrustPolicies", path = "/v1/trust", tag = "trust", security(("accessToken" = ["admin"])), responses(
    (status = 200, body = List<TrustPolicy>),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(control): State<App>,
    _: Administrator,
) -> Result<Listed<List<TrustPolicy>>, ApiError> {
    Ok(control.trust_policies().await?.into())
}

/// Creates a trust policy: identity tokens of the issuer can be exchanged for tokens of 15 minutes, limited to what the
/// policy gives.
#[utoipa::path(post, operation_id = "createTrustPolicy", path = "/v1/trust", tag = "trust", security(("accessToken" = ["admin"])), request_body = CreateTrust, responses(
    (status = 201, body = TrustPolicy),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    State(control): State<App>,
    Administrator(caller): Administrator,
    extract::Json(new): extract::Json<CreateTrust>,
) -> Result<(StatusCode, Json<TrustPolicy>), ApiError> {
    let policy = control.create_trust(caller.actor(), new).await?;
    Ok((StatusCode::CREATED, Json(policy)))
}

/// One trust policy, named by its id or name.
#[utoipa::path(get, operation_id = "getTrustPolicy", path = "/v1/trust/{policy}", tag = "trust", security(("accessToken" = ["admin"])), params(("policy" = String, Path)), responses(
    (status = 200, body = TrustPolicy),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn info(
    State(control): State<App>,
    _: Administrator,
    Path(policy): Path<String>,
) -> Result<Json<TrustPolicy>, ApiError> {
    Ok(Json(control.trust_policy(&policy).await?))
}

/// Deletes a trust policy. Tokens that were exchanged under the policy become invalid now.
#[utoipa::path(delete, operation_id = "deleteTrustPolicy", path = "/v1/trust/{policy}", tag = "trust", security(("accessToken" = ["admin"])), params(("policy" = String, Path)), responses(
    (status = 204),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn delete(
    State(control): State<App>,
    Administrator(caller): Administrator,
    Path(policy): Path<String>,
) -> Result<StatusCode, ApiError> {
    control.delete_trust(caller.actor(), policy).await?;
    Ok(StatusCode::NO_CONTENT)
}
