//! Typed, blocking client of the management API.
//!
//! One method per operation, grouped by resource as the API's paths are, with the bodies of [`jelou_core::api`].
//! Where the credentials come from and how an error is shown is left to the caller.
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
mod path;
mod resources;

pub use api_url::{ApiUrl, ParseApiUrlError};
pub use client::Client;
pub use error::ClientError;
pub use resources::{
    AccessTokens, Audit, AuditQuery, Deployments, Functions, Removal, RuntimeTokens, Secrets,
};
