//! The servers of a shared database.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::NodeId;

/// A server that reported in the last minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeInfo {
    #[schema(value_type = String)]
    pub id: NodeId,
    /// URL of its management API.
    pub address: String,
    /// Whether this server answers the current request.
    pub answering: bool,
    pub version: String,
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// The number of the last change that it has applied.
    pub revision: i64,
    /// The hash of that change in the audit trail.
    pub hash: Option<String>,
    /// Number of changes that it has not applied yet.
    pub behind: i64,
    /// Milliseconds since its last report. It reports once a second.
    pub silent_ms: i64,
    /// Milliseconds that its clock is ahead of the clock of the database.
    pub clock_offset_ms: i64,
    /// Parts of the state that it could not apply, each with the reason. Their former state goes on serving.
    #[serde(default)]
    pub unapplied: Vec<String>,
}
