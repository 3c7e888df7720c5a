//! Route of the audit trail.

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
    after: Option<i64>,
    #[serde(default = "default_limit")]
    limit: usize,
}

fn default_limit() -> usize {
    50
}

/// The audit trail, newest entry first: who changed what. Each entry has the hash of the previous entry.
#[utoipa::path(get, operation_id = "listAuditEntries", path = "/v1/audit", tag = "audit", security(("accessToken" = ["admin"])), params(
    ("before" = Option<i64>, Query, description = "Only entries older than this id"),
    ("after" = Option<i64>, Query, description = "Only entries newer than this id, oldest first; 0 for all of them"),
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
    let page = match (query.before, query.after) {
        (_, None) => control.store.audit(query.before, query.limit).await?,
        (None, Some(after)) => control.store.audit_after(after, query.limit).await?,
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid("before and after exclude each other"));
        }
    };
    Ok(Json(page))
}
