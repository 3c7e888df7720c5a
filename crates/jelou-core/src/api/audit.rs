//! The audit trail.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One change: who did what to which resource. Never contains a token or a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Greater than the id of every earlier entry.
    pub id: i64,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Id of the access token or trust policy that made the change, or `system`.
    pub actor: String,
    /// Name of the actor at the time of the change.
    #[serde(default)]
    pub actor_name: Option<String>,
    /// Address of the client.
    #[serde(default)]
    #[schema(example = "203.0.113.9")]
    pub address: Option<String>,
    /// For example `token.revoke`.
    pub action: String,
    /// Slug of the changed function, or of the function that the resource belongs to.
    pub function: Option<String>,
    /// Id or key of the resource.
    pub target: String,
    /// Further data for readers, such as the name of the resource.
    pub detail: Option<String>,
    /// The resource before the change. Never contains a secret or a token.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub before: Option<serde_json::Value>,
    /// The resource after the change.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub after: Option<serde_json::Value>,
    /// The hash of the previous entry.
    #[serde(default)]
    pub previous: Option<String>,
    /// SHA-256 of this entry. docs/audit.md defines the hashed bytes.
    #[serde(default)]
    pub hash: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditPage {
    /// Newest first; with `after`, oldest first.
    pub items: Vec<AuditEntry>,
    /// Pass as `before` (or `after`) to get the next page; absent on the last page.
    pub next: Option<i64>,
    /// The last entry of the trail when the page was read.
    #[serde(default)]
    pub head: Option<AuditHead>,
}

/// The end of the trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditHead {
    /// Id of the last entry, which is the revision.
    pub id: i64,
    pub hash: Option<String>,
}
