//! Measurements of the first blank worker, which apply to all workers. They are kept in the cache folder, so that only the
//! first server of an engine's version measures.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::code_cache::CodeCache;

/// The file of a kept baseline with the size of the data segment, as decimal digits.
const DATA_BYTES: &str = "data-bytes";

#[derive(Debug)]
pub(crate) struct Baseline {
    /// Size of the data segment of a blank worker.
    pub(super) data_bytes: u64,
    pub(super) code_cache: CodeCache,
}

impl Baseline {
    /// Returns the data segment limit in bytes that leaves a function `mib` MiB. V8 reserves much address space that it
    /// never uses, so `mib` is added to the data segment of a blank worker.
    pub(crate) fn max_data_bytes(&self, mib: u64) -> u64 {
        self.data_bytes + mib * 1024 * 1024
    }

    /// Returns the baseline that an earlier server kept in `folder`.
    pub(super) fn kept(folder: &Path) -> Option<Self> {
        let data_bytes = std::fs::read_to_string(folder.join(DATA_BYTES)).ok()?;
        Some(Self {
            data_bytes: data_bytes.parse().ok()?,
            code_cache: CodeCache::kept(folder),
        })
    }

    /// Keeps the baseline in `folder`, unless another server already did.
    pub(super) fn keep(&self, folder: &Path) -> std::io::Result<()> {
        let parent = folder.parent().ok_or(std::io::ErrorKind::InvalidInput)?;
        let staging = tempfile::Builder::new()
            .prefix(".baseline-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(parent)?;
        self.code_cache.copy_to(staging.path())?;
        fs_err::write(staging.path().join(DATA_BYTES), self.data_bytes.to_string())?;
        match fs_err::rename(staging.path(), folder) {
            Err(_) if folder.is_dir() => Ok(()),
            renamed => renamed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_baseline_is_kept() {
        let root = tempfile::tempdir().unwrap();
        let (measured, folder) = (root.path().join("measured"), root.path().join("kept"));
        assert!(Baseline::kept(&folder).is_none());
        fs_err::create_dir(&measured).unwrap();
        fs_err::write(measured.join("v8_code_cache_v2"), "code").unwrap();
        let baseline = Baseline {
            data_bytes: 4711,
            code_cache: CodeCache::kept(&measured),
        };
        for _ in 0..2 {
            baseline.keep(&folder).unwrap();
        }
        assert_eq!(Baseline::kept(&folder).unwrap().data_bytes, 4711);
        let code = fs_err::read_to_string(folder.join("v8_code_cache_v2")).unwrap();
        assert_eq!(code, "code");
        fs_err::write(folder.join(DATA_BYTES), "").unwrap();
        assert!(Baseline::kept(&folder).is_none());
    }
}
