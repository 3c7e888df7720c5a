//! The digests of the cached packages. Deno checks a digest only when it downloads a package. With these digests, a
//! build also refuses a lock file that has another digest for a cached package.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::error::BuildError;
use super::lock::Lock;
use super::packages::Packages;

/// The digest of each cached package, by the package's folder. Builds cannot write to the file.
#[derive(Debug)]
pub(super) struct Integrity {
    file: PathBuf,
    known: Mutex<BTreeMap<String, String>>,
}

impl Integrity {
    /// Reads the file. A missing or damaged file counts as empty, and later builds record the digests again.
    pub(super) fn open(file: &Path) -> Self {
        let known = std::fs::read(file)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok());
        Self {
            file: file.to_path_buf(),
            known: Mutex::new(known.unwrap_or_default()),
        }
    }

    /// Checks the packages of a build, and records the digests of new packages.
    ///
    /// # Errors
    ///
    /// When a package is missing or has another digest than the lock file, or the file cannot be written.
    pub(super) fn check(
        &self,
        lock: &Lock,
        roots: &[String],
        packages: &Packages,
        own_lock: Option<&str>,
    ) -> Result<(), BuildError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.len();
        lock.check(roots, packages, &mut known, own_lock)?;
        if known.len() == before {
            return Ok(());
        }
        let staged = self.file.with_extension("new");
        let text = serde_json::to_vec(&*known).map_err(std::io::Error::from)?;
        fs_err::write(&staged, text)?;
        Ok(fs_err::rename(staged, &self.file)?)
    }
}
