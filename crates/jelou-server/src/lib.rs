//! The server: one process that answers callers of functions and the people who manage them.
//!
//! Two ways lead through it. A call: [`router`] → [`gateway`] → [`registry`] → engine, with no database on the way. A change:
//! [`api`] → [`control`] → store, then the registry learns of it before the answer goes out.

mod api;
pub mod config;
mod control;
mod data_dir;
pub mod doctor;
mod documents;
mod gateway;
mod host;
mod last_used;
mod listener;
mod mcp;
mod memory;
mod network;
mod registry;
mod router;
mod server;

pub use api::openapi_document;
pub use config::{Config, ConfigError, Overrides, TlsOverrides};
pub use data_dir::DataDirError;
pub use listener::{ListenError, TlsError};
pub use server::{Ready, Server, StartError};
