//! The audit trail.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One change: who did what to which resource. Never contains a token or a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Each entry has a higher id than the entries before.
    pub id: i64,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Id of the access token that made the change, or `system`.
    pub actor: String,
    /// For example `token.revoke`.
    pub action: String,
    /// Slug of the changed function, or of the function that the resource belongs to.
    pub function: Option<String>,
    /// Id or key of the resource.
    pub target: String,
    /// Further data for readers, such as the name of the resource.
    pub detail: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditPage {
    /// Newest first.
    pub items: Vec<AuditEntry>,
    /// Pass as `before` to get the next page. Null on the last page.
    pub next: Option<i64>,
}
