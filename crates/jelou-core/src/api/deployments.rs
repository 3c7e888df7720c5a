//! Deploys, deployments and rollbacks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{CreatedToken, OpenPreview, PlannedSchedule, Preview};
use crate::compatibility::BreakingChange;
use crate::manifest::Mode;
use crate::source::{EncodedFile, FileKind};
use crate::{
    DeploymentId, FunctionId, PreviewName, Provenance, SecretKey, Slug, SmokeCall, SourceFile,
};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are the switches of the request body; the handler turns them into types"
)]
pub struct DeployRequest {
    /// The uploaded files. Files that the build does not use do not become part of the deployment.
    #[schema(value_type = Vec<EncodedFile>)]
    pub files: Vec<SourceFile>,
    /// Path of the entrypoint. Default: `index.ts`, the `module` or `main` of `package.json`, or a common name such as
    /// `main.ts` or `src/index.ts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<String>,
    /// Patterns of files that the function reads by path, such as `templates/**`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<String>,
    /// The settings of `jelou.json`: `public`, `cors`, `timeout`, `cron`, `env` and `openapi`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub settings: Map<String, Value>,
    /// Build and inspect, but change nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Check types as well.
    #[serde(default)]
    pub check: bool,
    /// Do not create the runtime token `default`, even if this is the function's first deployment.
    #[serde(default)]
    pub no_token: bool,
    /// Build and deploy even if the same files are live already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// Download modules that are imported by URL again, in place of those of the live deployment. Implies `force`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reload: bool,
    /// Refuse changes that break callers of the live deployment.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
    /// Keep the deployment until it is unpinned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pin: bool,
    /// Calls to the new deployment before it is live. If a response has an unexpected status, the live deployment stays
    /// live.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub smoke: Vec<SmokeCall>,
    #[serde(default, skip_serializing_if = "Provenance::is_empty")]
    pub provenance: Provenance,
    /// The purpose of the deploy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// A version, such as `v1.4.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Deploy to a preview; the live deployment stays live. The function must exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<OpenPreview>,
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
    /// A URL for tools that cannot resolve names below `localhost`. Null if `url` has no such name.
    #[serde(default)]
    pub local_url: Option<String>,
    /// The function's first token, if this deploy created it. It is never shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<CreatedToken>,
    /// The files of the deployment.
    #[serde(default)]
    pub files: Vec<FileSummary>,
    /// The packages and remote modules in the bundle.
    #[serde(default)]
    pub dependencies: Vec<Dependency>,
    /// Uploaded files that the build does not use. They are not part of the deployment.
    #[serde(default)]
    pub unused: Vec<FileSummary>,
    pub warnings: Vec<String>,
    /// Whether the same files were live already. Then nothing was changed, and `deployment` is the live deployment.
    #[serde(default)]
    pub already_live: bool,
    /// Changes that break callers of the deployment that was live.
    #[serde(default)]
    pub breaking: Vec<BreakingChange>,
    /// The schedules of the deployment, with their next runs.
    #[serde(default)]
    pub schedules: Vec<PlannedSchedule>,
    /// The preview that was deployed to. `url` is then the URL of the preview.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
}

fn yes() -> bool {
    true
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
    /// The packages and remote modules in the bundle. Empty for a deployment of an older server.
    #[serde(default)]
    pub dependencies: Vec<Dependency>,
    pub entrypoint: String,
    /// Name of the access token that deployed it.
    pub created_by: String,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[serde(default)]
    pub health: Health,
    /// Whether calls have ever gone to this deployment. False for a preview's deployment until it is promoted.
    #[serde(default = "yes")]
    pub was_live: bool,
    /// Names of the previews that serve it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previews: Vec<PreviewName>,
    /// Whether it is kept until it is unpinned.
    #[serde(default)]
    pub pinned: bool,
    #[serde(default)]
    pub provenance: Provenance,
    #[serde(default)]
    pub message: Option<String>,
    #[serde(default)]
    pub tag: Option<String>,
    /// Number of calls that its processes received, including failed calls. Updated once a minute.
    #[serde(default)]
    pub calls: u64,
    /// Number of these calls with a status of 500 or more.
    #[serde(default)]
    pub failed_calls: u64,
}

/// A package or a remote module in the bundle of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Dependency {
    /// The specifier with its version: `npm:axios@1.7.9`, `jsr:@std/encoding@1.0.5` or a URL.
    pub specifier: String,
    /// The digest, for example `sha256-...`: from the registry for a package, of the content for a module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integrity: Option<String>,
}

/// Whether a rollback without a target may choose the deployment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Health {
    #[default]
    Healthy,
    /// Most of its calls failed.
    Failing,
    /// A rollback has replaced it by an older deployment.
    RolledBack,
}

/// A deployment with the content of its manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentDetails {
    #[serde(flatten)]
    pub deployment: Deployment,
    pub mode: Mode,
    pub tools: Vec<ToolSummary>,
    pub schedules: Vec<ScheduleSummary>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ToolSummary {
    pub name: String,
    pub description: String,
    pub path: String,
    pub methods: Vec<String>,
    /// Whether it is an MCP tool.
    pub mcp: bool,
    /// Whether it can be called without a token.
    pub public: bool,
    /// JSON Schema 2020-12 of the input; absent without a schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_schema: Option<Value>,
    /// JSON Schema 2020-12 of the result; absent without a schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleSummary {
    /// Name of the tool.
    pub tool: String,
    pub name: Option<String>,
    pub expression: String,
    pub timezone: String,
}

/// The uploaded files of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentSource {
    pub id: DeploymentId,
    pub entrypoint: String,
    #[schema(value_type = Vec<EncodedFile>)]
    pub files: Vec<SourceFile>,
}

/// A change of a deployment. Absent fields stay unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateDeployment {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RollbackRequest {
    /// The deployment to make live. Default: the healthy deployment that was live most recently.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentId>,
    /// The reason, for the audit trail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Return what would change, and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PromoteRequest {
    /// The reason, for the audit trail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Return what would change, and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RollbackResult {
    pub function: Slug,
    /// The live deployment; with `dryRun`, the deployment that would be live.
    pub deployment: Deployment,
    /// The deployment that was live before; the same id when nothing changed.
    pub replaces: Option<DeploymentId>,
    /// Secrets that were set or deleted since the deployment was live. The deployment gets their current values.
    pub changed_secrets: Vec<ChangedSecret>,
    /// Secrets that the deployment's preview has and the function lacks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_secrets: Vec<SecretKey>,
    /// The schedules of the deployment.
    pub schedules: Vec<ScheduleSummary>,
    pub url: String,
    #[serde(default)]
    pub local_url: Option<String>,
}

impl RollbackResult {
    /// Whether the deployment was already live, so that nothing was changed.
    pub fn was_live_already(&self) -> bool {
        self.replaces.as_ref() == Some(&self.deployment.id)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChangedSecret {
    pub key: SecretKey,
    pub change: SecretChange,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum SecretChange {
    Set,
    Deleted,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FileSummary {
    pub path: String,
    pub bytes: u64,
    /// Why the deployment has the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<FileKind>,
}

/// The kind is unknown before the build.
impl From<&SourceFile> for FileSummary {
    fn from(file: &SourceFile) -> Self {
        Self {
            path: file.path.clone(),
            bytes: file.bytes(),
            kind: None,
        }
    }
}
