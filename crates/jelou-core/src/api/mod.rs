//! Bodies of the management API, shared by the handlers of the server and the client. The OpenAPI document is generated
//! from them.

mod access_tokens;
mod audit;
mod deployments;
mod function_settings;
mod functions;
mod leaks;
mod logs;
mod nodes;
mod patch;
mod previews;
mod problem;
mod schedules;
mod secrets;
mod server;
mod token_transfer;
mod token_usage;
mod tokens;
mod traffic;
mod trust;

pub use access_tokens::{AccessTokenInfo, CreateAccessToken, CreatedAccessToken};
pub use audit::{AuditEntry, AuditHead, AuditPage};
pub use deployments::{
    ChangedSecret, Dependency, DeployRequest, DeployResult, Deployment, DeploymentDetails,
    DeploymentSource, FileSummary, Health, PromoteRequest, RollbackRequest, RollbackResult,
    ScheduleSummary, SecretChange, ToolSummary, UpdateDeployment,
};
pub use function_settings::{ChangeEgress, ChangeLimits, EgressRules, LimitInForce, LimitOwner};
pub use functions::{CreateFunction, Function};
pub use leaks::{LeakOutcome, LeakedToken, MAX_LEAKED_VALUES, ReportLeak};
pub use logs::CallGroup;
pub use nodes::NodeInfo;
pub use patch::Patch;
pub use previews::{OpenPreview, Preview};
pub use problem::Problem;
pub use schedules::{
    PlannedSchedule, Run, RunOrigin, RunPage, RunState, ScheduleInfo, StartRun, UpdateSchedule,
};
pub use secrets::{
    MasterKeyRotated, MasterKeyState, RollbackSecret, Secret, SecretRolledBack, SecretVersion,
    SecretsChanged, SetSecrets,
};
pub use server::{ServerInfo, WhoAmI};
pub use token_transfer::{
    ExportedToken, ExportedValue, ImportOutcome, ImportReport, ImportTokens, ImportedToken,
    TokenExport,
};
pub use token_usage::{TokenUsageCounts, TokenUsageDay, TokenUsageReport};
pub use tokens::{
    CheckToken, CreateToken, CreatedToken, PreviousValue, RevokeTokens, RotateToken,
    RuntimeTokenInfo, RuntimeTokenPage, TokenCheck, UpdateToken,
};
pub use traffic::{Traffic, TrafficPoint, TrafficReport};
pub use trust::{CallGrant, CreateTrust, ExchangedToken, TrustPolicy};

use serde::{Deserialize, Serialize};

/// A complete list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct List<T> {
    pub items: Vec<T>,
}
