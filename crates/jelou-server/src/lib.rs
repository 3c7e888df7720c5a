//! The server: function calls, and the management API.
//!
//! A call passes [`router`] → [`gateway`] → [`registry`] → engine, without the database. A change passes [`api`] →
//! [`control`] → store, then updates the registry, then the response is sent.

mod api;
mod call_counts;
pub mod config;
mod control;
mod cron;
mod data_dir;
pub mod doctor;
mod documents;
mod egress;
mod gateway;
mod host;
mod last_used;
mod listener;
mod log_limit;
mod mcp;
mod memory;
mod metrics;
mod network;
mod registry;
mod router;
mod server;

pub use api::openapi_document;
pub use config::{Config, ConfigError, Overrides, TlsOverrides};
pub use data_dir::DataDirError;
pub use egress::CaError;
pub use listener::{ListenError, TlsError};
pub use server::{Ready, Server, StartError};
