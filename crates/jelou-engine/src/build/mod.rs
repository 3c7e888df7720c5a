//! Builds an upload: resolves its imports, bundles it, and reads its manifest.
//!
//! All steps process untrusted code. Imports are resolved first, so that nothing outside the upload and its packages gets
//! into a bundle or an error message. The bundle and its source map are checked again afterwards. Only the first step, which
//! fetches packages, has a network and credentials for registries.

mod builder;
mod bundle;
mod cache;
mod command;
mod config;
mod embedded;
mod error;
mod graph;
mod near_miss;
mod output;
mod packages;
mod registry;
mod tools;
mod types;
mod workspace;

pub(crate) use builder::Builder;
pub use builder::{Built, TypeCheck};
pub use error::BuildError;
pub(crate) use tools::Tools;
