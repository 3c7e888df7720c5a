//! Deploys and deployments.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::CreatedToken;
use crate::source::{EncodedFile, FileKind};
use crate::{DeploymentId, FunctionId, Slug, SourceFile};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeployRequest {
    /// What the build does not use is left out of the deployment.
    #[schema(value_type = Vec<EncodedFile>)]
    pub files: Vec<SourceFile>,
    /// When absent: `index.ts`, the `module` or `main` of `package.json`, or a common name such as `main.ts` or
    /// `src/index.ts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<String>,
    /// Patterns of files that the function reads by path, such as `templates/**`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<String>,
    /// Build and inspect, but change nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Check types as well.
    #[serde(default)]
    pub check: bool,
    /// Do not create the runtime token `default`, even if this is the function's first deployment.
    #[serde(default)]
    pub no_token: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeployResult {
    /// Absent for a dry run.
    pub deployment: Option<Deployment>,
    pub function: Slug,
    /// Absent for a dry run of a function that does not exist yet.
    pub function_id: Option<FunctionId>,
    pub url: String,
    /// The same function, for tools that cannot resolve names below `localhost`; null where `url` has no such name.
    #[serde(default)]
    pub local_url: Option<String>,
    /// The token that the function's first deployment creates; never shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<CreatedToken>,
    /// The files of the deployment.
    #[serde(default)]
    pub files: Vec<FileSummary>,
    /// Files of the upload that nothing uses. The deployment does not have them.
    #[serde(default)]
    pub unused: Vec<FileSummary>,
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    pub id: DeploymentId,
    pub live: bool,
    /// SHA-256 of the built artifact, in hexadecimal: equal for equal builds.
    pub artifact: String,
    pub bundle_bytes: u64,
    pub files: Vec<FileSummary>,
    pub entrypoint: String,
    /// Name of the access token that deployed it.
    pub created_by: String,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FileSummary {
    pub path: String,
    pub bytes: u64,
    /// Why the deployment has the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<FileKind>,
}
