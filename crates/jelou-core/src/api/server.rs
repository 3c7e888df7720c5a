//! The server itself.

use serde::{Deserialize, Serialize};

use super::AccessTokenInfo;
use crate::source::UploadLimits;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerInfo {
    pub version: String,
    /// The URL of a function, with the placeholder `{slug}`.
    pub functions: String,
    /// Version of Deno, which runs the functions.
    pub engine: String,
    /// The limits of an upload. Absent in answers of older servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<UploadLimits>,
}

/// The access token of the request, and the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WhoAmI {
    pub access_token: AccessTokenInfo,
    pub server: ServerInfo,
}
