//! The server: calls of functions, and the management API.
//!
//! A call goes [`router`] → [`gateway`] → [`registry`] → engine, without the database. A change goes [`api`] → [`control`] →
//! store, then the registry, then the answer.

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
mod metrics;
mod network;
mod registry;
mod router;
mod server;

pub use api::openapi_document;
pub use config::{Config, ConfigError, Overrides, TlsOverrides};
pub use data_dir::DataDirError;
pub use listener::{ListenError, TlsError};
pub use server::{Ready, Server, StartError};
