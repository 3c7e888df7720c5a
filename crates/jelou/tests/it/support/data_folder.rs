//! The data folder of a server, and everything about the server that is visible from outside.

use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::eventually;

pub(crate) struct DataFolder {
    root: tempfile::TempDir,
}

/// A process with the data folder in its command line.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) id: u32,
    pub(crate) command_line: String,
}

impl DataFolder {
    pub(crate) fn new() -> Self {
        let folder = Self::without_engine();
        folder.link_engine();
        folder
    }

    pub(crate) fn without_engine() -> Self {
        let root = tempfile::tempdir().unwrap();
        // If root starts the server, its processes have separate user ids and need access to this folder.
        let passable = Permissions::from_mode(0o711);
        std::fs::set_permissions(root.path(), passable).unwrap();
        let folder = Self { root };
        std::fs::create_dir(folder.path()).unwrap();
        folder
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.root.path().join("data")
    }

    /// Opens the server's log. The log of an earlier server is kept.
    pub(super) fn open_log(&self) -> File {
        let path = self.root.path().join("log");
        let mut options = OpenOptions::new();
        options.create(true).append(true).open(path).unwrap()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.root.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path().join("jelou.db")
    }

    /// The server and all processes that it started.
    pub(crate) fn processes(&self) -> Vec<Process> {
        let folder = self.path();
        let folder = folder.to_str().unwrap();
        std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
            .filter_map(|id: u32| {
                // A process may have ended already.
                let command_line = std::fs::read(format!("/proc/{id}/cmdline")).ok()?;
                let command_line = String::from_utf8_lossy(&command_line).replace('\0', " ");
                command_line
                    .contains(folder)
                    .then_some(Process { id, command_line })
            })
            .collect()
    }

    /// The processes that run functions, and blank workers.
    pub(crate) fn workers(&self) -> Vec<Process> {
        let mut processes = self.processes();
        processes.retain(|process| process.command_line.contains("worker.js"));
        processes
    }

    /// Waits until the server and all its processes have ended.
    pub(crate) fn wait_until_quiet(&self) {
        eventually("the end of every process", || {
            self.processes().is_empty().then_some(())
        });
    }

    /// Links the engine from `make engine` into the folder. Without it, the server downloads the engine.
    fn link_engine(&self) {
        let Ok(binaries) = std::fs::read_dir(fetched_engine()) else {
            return;
        };
        let folder = self.path().join("engine");
        std::fs::create_dir(&folder).unwrap();
        for binary in binaries {
            let binary = binary.unwrap();
            link_or_copy(&binary.path(), &folder.join(binary.file_name()));
        }
    }
}

/// The folder of the engine that `make engine` downloads.
pub(crate) fn fetched_engine() -> PathBuf {
    std::env::var_os("JELOU_TEST_DATA")
        .map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/engine"),
            PathBuf::from,
        )
        .join("engine")
}

/// The newest Deno in the engine's folder.
pub(crate) fn deno() -> PathBuf {
    let binaries = std::fs::read_dir(fetched_engine()).unwrap();
    let binaries = binaries.map(|binary| binary.unwrap().path());
    let is_deno = |path: &PathBuf| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("deno-")
    };
    let newest = binaries.filter(is_deno).max();
    newest.unwrap_or_else(|| panic!("no Deno in {}: run `make test`", fetched_engine().display()))
}

pub(crate) fn link_or_copy(from: &Path, to: &Path) {
    if std::fs::hard_link(from, to).is_err() {
        std::fs::copy(from, to).unwrap();
    }
}
