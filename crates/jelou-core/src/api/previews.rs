//! Bodies for previews.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{DeploymentId, PreviewName, Slug};

/// The name and the rules of a preview. Each deploy to the preview replaces its rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenPreview {
    /// Default: the last 8 characters of the deployment's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<PreviewName>,
    /// Seconds until the preview expires. Default: 14 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// Whether the preview also gets the function's secrets. The preview's own secrets take precedence.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub with_secrets: bool,
    /// Whether the preview has no URL. Then it only answers requests to the function with the header
    /// `X-Jelou-Deployment`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub header_only: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    pub name: PreviewName,
    pub function: Slug,
    /// The deployment that the preview serves. Absent until the first deploy to it.
    pub deployment: Option<DeploymentId>,
    /// The URL of the preview. Absent with `headerOnly`, and while a function has the same host name.
    pub url: Option<String>,
    /// A URL for tools that cannot resolve names below `localhost`. Null if `url` has no such name.
    #[serde(default)]
    pub local_url: Option<String>,
    /// Whether the preview also gets the function's secrets.
    pub with_secrets: bool,
    /// Whether the preview was created without a URL.
    pub header_only: bool,
    /// Number of the preview's own secrets.
    pub secrets: u64,
    /// Name of the access token that created the preview.
    pub created_by: String,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Time of the last deploy to the preview.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// When the preview is deleted, with its secrets and its memory.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}
