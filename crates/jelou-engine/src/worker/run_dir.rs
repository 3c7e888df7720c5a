//! The folder with the private folders of workers and builds. It is emptied at every start of the server.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub(crate) struct RunDir {
    path: PathBuf,
    next_worker: AtomicU64,
}

impl RunDir {
    /// Removes the files of an earlier server, and creates the folder. Fails if another user creates the folder in the
    /// meantime.
    pub(crate) fn reset(path: PathBuf) -> std::io::Result<Self> {
        match fs_err::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent)?;
        }
        std::fs::DirBuilder::new().mode(0o711).create(&path)?;
        Ok(Self {
            path,
            next_worker: AtomicU64::new(0),
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

#[cfg(test)]
mod tests {
    use super::*;

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
