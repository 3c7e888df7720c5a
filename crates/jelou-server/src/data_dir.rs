//! The data folder: its layout, and the lock against other servers.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fs_err::os::unix::fs::OpenOptionsExt;
use jelou_core::NodeId;
use jelou_store::vault::UNFINISHED_KEY;
use rustix::fs::FlockOperation;

/// How long a start waits for the lock: a child process of a killed server may still have it for a moment.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
const LOCK_RETRY: Duration = Duration::from_millis(25);

/// A data folder that this process has locked.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// Folder for files that several servers can share: the engine and the build cache.
    shared: PathBuf,
    /// Folder for sockets.
    run: PathBuf,
    _lock: Lock,
}

/// The lock on the folder. The kernel releases the lock when no process has its file descriptor any more. A child
/// process between fork and exec has it too, and may run only seconds later on a busy machine. So the server unlocks
/// explicitly when it ends.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // If this fails, the kernel releases the lock when the processes end.
        let _ = rustix::fs::flock(&self.0, FlockOperation::Unlock);
    }
}

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    #[error("another server uses the data folder `{0}`")]
    InUse(PathBuf),
    #[error("cannot use the data folder")]
    Io(#[from] std::io::Error),
}

impl DataDir {
    pub(crate) fn open(path: &Path) -> Result<Self, DataDirError> {
        let path = create(path)?;
        let lock = lock(&path)?;
        remove_unfinished_keys(&path)?;
        Ok(Self {
            _lock: lock,
            shared: path.clone(),
            run: Self::run_dir_of(&path),
            path,
        })
    }

    /// Opens a folder for the state of one project. The engine and the build cache are in the data folder `shared`.
    pub(crate) fn open_state(state: &Path, shared: &Path) -> Result<Self, DataDirError> {
        let path = create(state)?;
        let lock = lock(&path)?;
        remove_unfinished_keys(&path)?;
        Ok(Self {
            _lock: lock,
            shared: create(shared)?,
            // The sockets are elsewhere, because processes may have no access to the project's folder.
            run: temporary_run_dir(&path),
            path,
        })
    }

    pub(crate) fn shared(&self) -> &Path {
        &self.shared
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn database(&self) -> PathBuf {
        Self::database_of(&self.path)
    }

    pub(crate) fn database_of(path: &Path) -> PathBuf {
        path.join("jelou.db")
    }

    pub(crate) fn key_file_of(path: &Path) -> PathBuf {
        path.join("master.key")
    }

    /// Whether a running server has locked the folder.
    pub(crate) fn is_in_use(path: &Path) -> bool {
        let lock = fs_err::File::open(Self::lock_file_of(path));
        lock.is_ok_and(|lock| {
            rustix::fs::flock(&lock, FlockOperation::NonBlockingLockShared)
                == Err(rustix::io::Errno::WOULDBLOCK)
        })
    }

    /// Returns the file that a running server keeps locked.
    fn lock_file_of(path: &Path) -> PathBuf {
        path.join("lock")
    }

    /// Returns the id of this server, which is stored in its data folder. Creates the id if there is none.
    pub(crate) fn node(&self) -> Result<NodeId, DataDirError> {
        let path = self.path.join("node");
        match fs_err::read_to_string(&path) {
            Ok(text) => text.trim().parse().map_err(|error| {
                let detail = format!("`{}` has no id of a server: {error}", path.display());
                DataDirError::Io(std::io::Error::new(std::io::ErrorKind::InvalidData, detail))
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let node = NodeId::generate();
                fs_err::write(&path, format!("{node}\n"))?;
                Ok(node)
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn artifacts(&self) -> PathBuf {
        self.path.join("artifacts")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.shared.join("cache")
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.run.clone()
    }

    /// Returns the folder for sockets. The path of a unix socket has at most 107 bytes, so a long data folder gets a
    /// folder in the temporary folder. Its name is derived from the data folder, so that the next start finds and
    /// empties it.
    pub(crate) fn run_dir_of(path: &Path) -> PathBuf {
        let inside = path.join("run");
        if inside.as_os_str().len() <= 80 {
            return inside;
        }
        temporary_run_dir(path)
    }
}

fn temporary_run_dir(path: &Path) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    std::env::temp_dir().join(format!("jelou-run-{:016x}", hasher.finish()))
}

/// Creates the folder if there is none, and returns its canonical path.
fn create(path: &Path) -> std::io::Result<PathBuf> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| {
            std::io::Error::new(
                error.kind(),
                format!("cannot create `{}`: {error}", path.display()),
            )
        })?;
    let path = fs_err::canonicalize(path)?;
    if rustix::process::geteuid().is_root() {
        // Worker processes have their own user ids and must traverse this folder. The other folders are private.
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o711))?;
    }
    Ok(path)
}

/// Removes files of master keys that a killed process did not complete. No value is encrypted with such a key. The
/// folder is locked, so no other process writes one.
fn remove_unfinished_keys(folder: &Path) -> std::io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name
            .as_encoded_bytes()
            .starts_with(UNFINISHED_KEY.as_bytes())
        {
            fs_err::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Locks the folder against other servers.
fn lock(path: &Path) -> Result<Lock, DataDirError> {
    let lock: File = fs_err::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        // Private, because a process that can open the file can lock it and prevent the server's start.
        .mode(0o600)
        .open(DataDir::lock_file_of(path))?
        .into();
    let deadline = Instant::now() + LOCK_TIMEOUT;
    loop {
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Lock(lock)),
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => {
                std::thread::sleep(LOCK_RETRY);
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(DataDirError::InUse(path.to_path_buf()));
            }
            Err(error) => return Err(DataDirError::Io(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_whose_writing_was_interrupted_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (unfinished, key) = (
            folder.path().join(".key-AbC123"),
            folder.path().join("master.key"),
        );
        std::fs::write(&unfinished, "half of a key").unwrap();
        std::fs::write(&key, "a key").unwrap();
        let _data = DataDir::open(folder.path()).unwrap();
        assert!(!unfinished.exists());
        assert!(key.exists());
    }
}
