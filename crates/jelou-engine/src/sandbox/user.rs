//! A user id for each process, so that the kernel keeps processes apart as it keeps users apart.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// How many user ids are used in turn; far more than processes can run at a time.
const USER_IDS: u64 = 60_000;

/// Group and user of one process, both of the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessUser(u32);

impl ProcessUser {
    pub(crate) fn new(first: u32, number: u64) -> Self {
        Self(first + u32::try_from(number % USER_IDS).unwrap_or(0))
    }

    /// None of the above.
    pub(crate) fn builder(first: u32) -> Self {
        Self(first + u32::try_from(USER_IDS).unwrap_or(0))
    }

    pub(crate) fn id(self) -> u32 {
        self.0
    }

    /// Gives the path to the process.
    pub(crate) fn own(self, path: &Path) -> std::io::Result<()> {
        std::os::unix::fs::lchown(path, Some(self.0), Some(self.0))
    }

    /// Gives a folder and all that is in it.
    pub(crate) fn own_all(self, folder: &Path) -> std::io::Result<()> {
        self.own(folder)?;
        for entry in fs_err::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                self.own_all(&entry.path())?;
            } else {
                self.own(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Lets the process, by its group, use the path, which stays the server's own.
    pub(crate) fn admit(self, path: &Path) -> std::io::Result<()> {
        std::os::unix::fs::chown(path, None, Some(self.0))
    }
}

pub(super) fn missing(run_dir: &Path) -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("the server does not run as root");
    }
    let passable = |folder: &Path| {
        folder
            .metadata()
            .is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0)
    };
    let blocked = !run_dir.ancestors().all(passable);
    blocked.then_some("a folder above the data folder does not let other users through (chmod o+x)")
}
