//! Deno and its bundler: the pinned versions, where they are looked for, and how they are installed.

mod install;
mod locate;
mod pin;

use std::path::{Path, PathBuf};

pub use install::{InstallError, install, install_bundler};
pub use locate::{DenoSource, LocateError, locate};
pub use pin::{DENO_VERSION, ESBUILD_VERSION, Pin};
pub(crate) use pin::{bundler_cache_dir, bundler_cache_name};

/// A Deno that was found, with its bundler.
#[derive(Debug, Clone)]
pub struct Deno {
    pub binary: PathBuf,
    /// Without the bundler, nothing can be built.
    pub bundler: Option<PathBuf>,
    pub source: DenoSource,
}

/// The folder of the data folder that holds the installed binaries.
pub(crate) fn install_dir(data: &Path) -> PathBuf {
    data.join("engine")
}

pub(crate) fn deno_path(data: &Path) -> PathBuf {
    install_dir(data).join(format!("deno-{DENO_VERSION}"))
}

pub(crate) fn bundler_path(data: &Path) -> PathBuf {
    install_dir(data).join(format!("esbuild-{ESBUILD_VERSION}"))
}
