//! One file for each resource of the API. Each group of operations is returned by a method of
//! [`Client`](crate::Client).

mod access_tokens;
mod audit;
mod deployments;
mod egress;
mod functions;
mod leaks;
mod limits;
mod logs;
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
pub use schedules::{RunsQuery, Schedules};
pub use secrets::Secrets;
pub use tokens::{Removal, RuntimeTokens};
pub use trust::{Trust, Wanted};
