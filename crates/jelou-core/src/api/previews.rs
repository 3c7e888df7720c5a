//! Previews.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{DeploymentId, PreviewName, Slug};

/// Which preview, and how: a deploy to it sets all of this anew.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenPreview {
    /// When absent, the last 8 characters of the deployment's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<PreviewName>,
    /// Seconds from now on; 14 days when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// Whether it also has the function's secrets. Its own ones go over them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub with_secrets: bool,
    /// Whether it has no address, and only answers requests to the function with the header `X-Jelou-Deployment`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub header_only: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    pub name: PreviewName,
    pub function: Slug,
    /// Absent until the first deploy to it.
    pub deployment: Option<DeploymentId>,
    /// Absent without an address of its own: with `headerOnly`, and while a function has the same one.
    pub url: Option<String>,
    /// The same preview, for tools that cannot resolve names below `localhost`; null where `url` has no such name.
    #[serde(default)]
    pub local_url: Option<String>,
    /// Whether it also has the function's secrets.
    pub with_secrets: bool,
    /// Whether it has no address on purpose.
    pub header_only: bool,
    /// Number of its own secrets.
    pub secrets: u64,
    /// Name of the access token that created it.
    pub created_by: String,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Time of the last deploy to it.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// When it is deleted, with its secrets and its memory.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}
