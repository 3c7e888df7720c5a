//! One file per resource of the API. A method of [`Client`](crate::Client) returns the operations of each resource.

mod access_tokens;
mod audit;
mod deployments;
mod egress;
mod functions;
mod leaks;
mod limits;
mod logs;
mod master_key;
mod organisation_secrets;
mod previews;
mod schedules;
mod secrets;
mod server;
mod tokens;
mod trust;

pub use access_tokens::AccessTokens;
pub use audit::{Audit, AuditQuery};
pub use deployments::Deployments;
pub use functions::Functions;
pub use logs::{LogEvent, LogEvents, LogLines, Logs, LogsQuery};
pub use organisation_secrets::OrganisationSecrets;
pub use previews::Previews;
pub use schedules::{RunsQuery, Schedules};
pub use secrets::Secrets;
pub use tokens::{Removal, RuntimeTokens};
pub use trust::{RequestedToken, Trust};
