//! Builds an upload: resolves its imports, bundles it, and reads its manifest.
//!
//! All steps process untrusted code. Imports are resolved first, so that only the upload and its packages can appear in
//! a bundle or an error message. After bundling, the list of bundled files is checked again. Only the first step has
//! network access and registry credentials, because it fetches packages.

mod bindings;
mod builder;
mod builtins;
mod bundle;
mod bundler;
mod cache;
mod command;
mod computed_import;
mod config;
mod data_files;
mod deno_errors;
mod digest;
mod encoding;
mod error;
mod esbuild;
mod failure;
mod graph;
mod here;
mod incremental;
mod integrity;
mod kept_modules;
mod lock;
mod members;
mod modules;
mod native;
mod near_miss;
mod npm_lock;
mod output;
mod own_require;
mod packages;
mod peers;
mod pnp;
mod refresh;
mod registry;
mod remote;
mod remote_imports;
mod secrets;
mod static_urls;
mod tools;
mod tsconfig;
mod types;
mod usage;
mod user_config;
mod wasm;
mod workspace;
mod wrong_imports;

pub(crate) use builder::Builder;
pub use builder::{Built, Prepared, TypeCheck};
pub(crate) use digest::digest;
pub use error::BuildError;
pub use incremental::IncrementalBuild;
pub use kept_modules::RemoteSource;
pub use remote::Problem as RemoteProblem;
pub(crate) use tools::Tools;
