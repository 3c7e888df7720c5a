//! Deno and its bundler: the pinned versions, the search for them, and their installation.

mod binary;
mod install;
mod locate;
mod pin;

pub use binary::{Deno, DenoSource};
pub use install::{InstallError, install, install_bundler};
pub use locate::{LocateError, locate};
pub use pin::DENO_VERSION;
pub(crate) use pin::ESBUILD_VERSION;
