//! Typed, blocking client of the management API.
//!
//! Each operation has one method. Methods are grouped by resource, like the paths of the API. Requests and responses
//! are types of [`jelou_core::api`]. The client does not read credentials from files and does not display errors.
//!
//! ```no_run
//! use jelou_client::{ApiUrl, Client};
//!
//! let api: ApiUrl = "http://127.0.0.1:4400".parse()?;
//! let token = jelou_token::AccessToken::parse("jfn_pat_...")?;
//! let client = Client::new(api, Some(token));
//! for token in client.tokens(&"mi-funcion".parse()?).list()? {
//!     println!("{} {}", token.id, token.name);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod api_url;
mod client;
mod error;
mod observer;
mod path;
mod resources;

pub use api_url::{ApiUrl, ParseApiUrlError};
pub use client::Client;
pub use error::ClientError;
pub use observer::{Effect, Observer, Outcome};
pub use resources::{
    AccessTokens, Audit, AuditQuery, Deployments, Functions, LogEvent, LogEvents, LogLines, Logs,
    LogsQuery, OrganisationSecrets, Previews, Removal, RequestedToken, RunsQuery, RuntimeTokens,
    Schedules, Secrets, Trust,
};
