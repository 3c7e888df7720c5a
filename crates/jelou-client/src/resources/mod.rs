//! One file per resource of the API; each group of operations is reached from [`Client`](crate::Client).

mod access_tokens;
mod audit;
mod deployments;
mod functions;
mod secrets;
mod server;
mod tokens;

pub use access_tokens::AccessTokens;
pub use audit::{Audit, AuditQuery};
pub use deployments::Deployments;
pub use functions::Functions;
pub use secrets::Secrets;
pub use tokens::{Removal, RuntimeTokens};
