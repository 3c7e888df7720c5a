//! The audit trail.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One change: who did what to which resource. Never holds a token or a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Grows with every entry.
    pub id: i64,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Id of the access token that made the change, or `system`.
    pub actor: String,
    /// For instance `token.revoke`.
    pub action: String,
    /// Slug of the function that it concerns.
    pub function: Option<String>,
    /// Id or key of the resource.
    pub target: String,
    /// Name of the resource as people know it.
    pub detail: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditPage {
    /// Newest first.
    pub items: Vec<AuditEntry>,
    /// Pass as `before` to read on; absent on the last page.
    pub next: Option<i64>,
}
