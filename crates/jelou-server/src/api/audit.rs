//! The audit trail.

use axum::Json;
use axum::extract::State;
use jelou_core::api::{AuditPage, Problem};
use serde::Deserialize;

use super::app::App;
use super::auth::Administrator;
use super::extract::Query;
use super::problem::ApiError;

#[derive(Debug, Deserialize)]
pub(super) struct PageQuery {
    before: Option<i64>,
    #[serde(default = "default_limit")]
    limit: usize,
}

fn default_limit() -> usize {
    50
}

/// Who changed what, newest first.
#[utoipa::path(get, operation_id = "listAuditEntries", path = "/v1/audit", tag = "audit", security(("accessToken" = ["admin"])), params(
    ("before" = Option<i64>, Query, description = "Only entries older than this id"),
    ("limit" = Option<u32>, Query, description = "At most this many entries, up to 1000; 50 when absent"),
), responses(
    (status = 200, body = AuditPage),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(control): State<App>,
    _: Administrator,
    Query(query): Query<PageQuery>,
) -> Result<Json<AuditPage>, ApiError> {
    let page = control.store.audit(query.before, query.limit).await?;
    Ok(Json(page))
}
