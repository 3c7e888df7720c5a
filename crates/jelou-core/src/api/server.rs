//! The server itself.

use serde::{Deserialize, Serialize};

use super::AccessTokenInfo;
use crate::source::UploadLimits;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerInfo {
    pub version: String,
    /// The URL of a function, with `{slug}` in the place of its slug.
    pub functions: String,
    /// Version of the engine that runs the functions.
    pub engine: String,
    /// The limits of an upload; absent when an older server does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<UploadLimits>,
}

/// Who the presented access token is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WhoAmI {
    pub access_token: AccessTokenInfo,
    pub server: ServerInfo,
}
