//! The binaries of Deno and of its bundler, and their paths.

use std::path::{Path, PathBuf};

use super::pin::{DENO_VERSION, ESBUILD_VERSION};

/// A Deno binary that was found, with its bundler.
#[derive(Debug, Clone)]
pub struct Deno {
    pub binary: PathBuf,
    /// Path of the bundler. Without it, every build fails.
    pub bundler: Option<PathBuf>,
    pub source: DenoSource,
}

/// Where a Deno was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DenoSource {
    /// Set by `JELOU_DENO`, of any version.
    Environment,
    /// Installed in the data folder, with a verified checksum.
    Installed,
    /// Found on `PATH`.
    Path,
}

pub(super) fn deno_path(data: &Path) -> PathBuf {
    install_dir(data).join(format!("deno-{DENO_VERSION}"))
}

pub(super) fn bundler_path(data: &Path) -> PathBuf {
    install_dir(data).join(format!("esbuild-{ESBUILD_VERSION}"))
}

fn install_dir(data: &Path) -> PathBuf {
    data.join("engine")
}
