//! From an upload to an artifact and its manifest: check what it imports, bundle it, read what it says of itself.
//!
//! All three steps handle other people's code. The import graph is read first, so that nothing outside the upload and
//! its packages gets into a bundle or into an error message; the bundle and its source map are checked after, in case
//! it did. Only the first step, which fetches packages, has a network and knows how to log in at a registry.

mod builder;
mod bundle;
mod cache;
mod command;
mod config;
mod embedded;
mod error;
mod graph;
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
