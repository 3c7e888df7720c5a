//! The run directory: the parent of the private folders of workers and builds. The server empties it at every start.

use std::fs::File;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags};

/// Prefix of a run directory's name if its parent also contains files of other programs.
const TEMPORARY: &str = "jelou-run-";
/// A run directory that is younger than this may belong to a server that is starting.
const STARTING: Duration = Duration::from_mins(1);
/// How long the processes of a killed server may take to end.
const ENDING: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct RunDir {
    path: PathBuf,
    next_worker: AtomicU64,
    /// The folder, locked as long as the server lives. The kernel releases the lock of a killed server.
    _lock: File,
}

impl RunDir {
    /// Removes the files of an earlier server, and creates the folder. Fails if another user creates the folder in the
    /// meantime.
    pub(crate) fn reset(path: PathBuf) -> std::io::Result<Self> {
        remove(&path)?;
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent)?;
        }
        std::fs::DirBuilder::new().mode(0o711).create(&path)?;
        let lock = lock(&path)?;
        remove_abandoned(&path);
        Ok(Self {
            path,
            next_worker: AtomicU64::new(0),
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the folder for unpacked artifacts.
    pub(crate) fn artifacts(&self) -> PathBuf {
        self.path.join("artifacts")
    }

    /// Returns a new path for the folder of a worker.
    pub(super) fn next_worker(&self) -> PathBuf {
        let number = self.next_worker.fetch_add(1, Ordering::Relaxed);
        self.path.join(number.to_string())
    }
}

/// Removes the folder with its content. The processes of a server that was killed a moment ago may still write into it.
fn remove(path: &Path) -> std::io::Result<()> {
    use std::io::ErrorKind::{DirectoryNotEmpty, NotFound};
    let deadline = Instant::now() + ENDING;
    loop {
        match fs_err::remove_dir_all(path) {
            Err(error) if error.kind() == DirectoryNotEmpty && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(error) if error.kind() != NotFound => return Err(error),
            _ => return Ok(()),
        }
    }
}

fn lock(path: &Path) -> std::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive)?;
    Ok(folder)
}

/// Removes the temporary run directories of killed servers. Does nothing unless `own` is a temporary run directory too.
fn remove_abandoned(own: &Path) {
    let is_temporary = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(TEMPORARY))
    };
    let Some(parent) = own.parent().filter(|_| is_temporary(own)) else {
        return;
    };
    let Ok(entries) = std::fs::read_dir(parent) else {
        return;
    };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if is_temporary(&path) && is_abandoned(&path) {
            // Another server may remove the folder at the same time.
            let _ = std::fs::remove_dir_all(&path);
        }
    }
}

/// Whether the folder belongs to this user, is older than [`STARTING`], and no server has locked it.
fn is_abandoned(path: &Path) -> bool {
    let Ok(metadata) = path.symlink_metadata() else {
        return false;
    };
    let age = metadata
        .modified()
        .ok()
        .and_then(|time| time.elapsed().ok());
    metadata.uid() == rustix::process::geteuid().as_raw()
        && age.is_some_and(|age| age > STARTING)
        && lock(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_killed_servers_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let path = |name: &str| parent.path().join(format!("{TEMPORARY}{name}"));
        let running = RunDir::reset(path("running")).unwrap();
        let old = std::time::SystemTime::now() - STARTING * 2;
        let age = |path: &Path| File::open(path).unwrap().set_modified(old).unwrap();
        fs_err::create_dir(path("killed")).unwrap();
        fs_err::create_dir(path("starting")).unwrap();
        fs_err::create_dir(parent.path().join("other")).unwrap();
        for folder in [path("running"), path("killed"), parent.path().join("other")] {
            age(&folder);
        }
        let _own = RunDir::reset(path("own")).unwrap();
        assert!(!path("killed").exists());
        assert!(running.path().exists());
        assert!(path("starting").exists() && parent.path().join("other").exists());
    }

    #[test]
    fn the_folder_is_emptied_and_links_are_not_followed() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/run");
        let reset = || RunDir::reset(path.clone()).unwrap();
        reset();
        fs_err::write(path.join("old"), "").unwrap();
        reset();
        assert_eq!(fs_err::read_dir(&path).unwrap().count(), 0);
        fs_err::remove_dir(&path).unwrap();
        let other = parent.path().join("other");
        fs_err::create_dir(&other).unwrap();
        fs_err::write(other.join("kept"), "").unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        reset();
        assert!(other.join("kept").exists());
        assert!(!path.is_symlink());
    }
}
