//! Bodies for functions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{DeploymentId, FunctionId, Slug};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Function {
    pub id: FunctionId,
    pub slug: Slug,
    pub name: Option<String>,
    /// The description in the live deployment's manifest.
    pub description: Option<String>,
    pub url: String,
    /// A URL for tools that cannot resolve names below `localhost`. Null if `url` has no such name.
    #[serde(default)]
    pub local_url: Option<String>,
    /// Absent until the first deployment.
    pub live_deployment: Option<DeploymentId>,
    /// Number of processes that stay loaded without calls: `config.keepWarm` of the live deployment, at most
    /// `limits.max_keep_warm`.
    #[serde(default)]
    pub keep_warm: usize,
    /// Number of unrevoked runtime tokens.
    pub tokens: u64,
    /// Number of secrets.
    pub secrets: u64,
    /// Number of previews.
    #[serde(default)]
    pub previews: u64,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateFunction {
    pub slug: Slug,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}
