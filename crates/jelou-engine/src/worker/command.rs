//! The command line of a worker's process.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::permissions::{self, Purpose};
use crate::assets::Assets;

/// The private folder of one worker; it goes with the worker.
#[derive(Debug)]
pub(crate) struct WorkerDir {
    path: PathBuf,
}

impl WorkerDir {
    /// Creates the folder with room for nobody but the server's user.
    pub(crate) fn create(path: PathBuf) -> std::io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        let dir = Self { path };
        for folder in [dir.path.clone(), dir.home(), dir.egress_dir()] {
            std::fs::DirBuilder::new().mode(0o700).create(folder)?;
        }
        Ok(dir)
    }

    /// The part that the process may write to while it starts.
    fn home(&self) -> PathBuf {
        self.path.join("w")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.home().join("sock")
    }

    /// A folder of its own, so that the process cannot put another socket in the place of its egress socket.
    fn egress_dir(&self) -> PathBuf {
        self.path.join("e")
    }

    pub(crate) fn egress_socket(&self) -> PathBuf {
        self.egress_dir().join("sock")
    }
}

impl Drop for WorkerDir {
    fn drop(&mut self) {
        if let Err(error) = fs_err::remove_dir_all(&self.path) {
            tracing::warn!(%error, "cannot remove a worker's folder");
        }
    }
}

pub(crate) fn worker(
    deno: &Path,
    assets: &Assets,
    dir: &WorkerDir,
    purpose: Purpose,
    max_heap_mib: u64,
) -> Command {
    let home = dir.home();
    let mut command = Command::new(deno);
    command
        .arg("run")
        .args([
            "--no-config",
            "--no-lock",
            "--no-prompt",
            "--no-remote",
            "--no-npm",
        ])
        .args(["--cached-only", "--quiet", "--unstable-no-legacy-abort"])
        .arg("--import-map")
        .arg(assets.import_map())
        .arg(format!("--v8-flags=--max-old-space-size={max_heap_mib}"))
        .args(permissions::flags(
            purpose,
            &home,
            &dir.socket(),
            &dir.egress_socket(),
        ))
        .arg(assets.worker())
        .arg(dir.socket())
        .env_clear()
        .env("DENO_DIR", home.join("deno"))
        .env("DENO_NO_UPDATE_CHECK", "1")
        .env("DENO_TLS_CA_STORE", "mozilla,system")
        .env("NO_COLOR", "1")
        .env("TZ", "UTC")
        .current_dir(&home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}
