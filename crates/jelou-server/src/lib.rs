//! The server: function calls, and the management API.
//!
//! A call passes [`router`] → [`gateway`] → [`registry`] → engine, without the database. A change passes [`api`] →
//! [`control`] → store, then updates the registry, then the response is sent.

mod access_log;
mod api;
pub mod backup;
mod call_counts;
pub mod config;
mod control;
mod cron;
mod data_dir;
mod development;
pub mod doctor;
mod documents;
mod egress;
mod engine_host;
mod feed;
mod freshness;
mod function_identity;
#[doc(hidden)]
pub mod fuzzing;
mod gateway;
mod github;
mod last_used;
mod listener;
mod local_copy;
mod log_limit;
mod log_threads;
mod master_key;
mod mcp;
mod memory;
mod metrics;
mod network;
mod oidc;
mod peers;
mod registry;
mod router;
mod server;
mod stored;
mod telemetry;
mod token_usage;

pub use api::openapi_document;
pub use config::{Config, ConfigError, DatabaseOverrides, LogFormat, Overrides, TlsOverrides};
pub use data_dir::DataDirError;
pub use development::{
    BreakAt, DebuggerConfig, DevelopedFunction, DevelopmentConfig, DevelopmentServer, Place,
    Project, ReloadError, Reloaded,
};
pub use egress::CaError;
pub use listener::{InheritedSockets, ListenError, TlsError};
pub use local_copy::ReadCopyError;
pub use master_key::MasterKeyError;
pub use server::{Ready, Server, StartError};
