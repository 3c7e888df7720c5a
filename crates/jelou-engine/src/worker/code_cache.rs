//! Deno's code cache of the worker's program (`worker.js`), so that processes do not compile the program again.
//!
//! The cache comes from a process that never had a function, and no process can read its folder. Each process gets its
//! own copy, because in a shared cache one function could leave code for another.

use std::path::{Path, PathBuf};

use jelou_sandbox::ProcessUser;

/// Deno's SQLite databases of compiled code and of module imports, and the write-ahead logs that a killed process
/// leaves.
const FILES: [&str; 6] = [
    "v8_code_cache_v2",
    "v8_code_cache_v2-wal",
    "node_analysis_cache_v2",
    "node_analysis_cache_v2-wal",
    "dep_analysis_cache_v2",
    "dep_analysis_cache_v2-wal",
];

#[derive(Debug, Clone)]
pub(crate) struct CodeCache {
    folder: PathBuf,
}

impl CodeCache {
    /// Moves the cache from the `DENO_DIR` of an ended process into `folder`. Skips missing files.
    pub(crate) fn take(deno_dir: &Path, folder: PathBuf) -> std::io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)?;
        for file in FILES {
            let from = deno_dir.join(file);
            if from.is_file() {
                fs_err::rename(&from, folder.join(file))?;
            }
        }
        Ok(Self { folder })
    }

    /// Returns the cache that an earlier server kept in `folder`.
    pub(super) fn kept(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Creates the `DENO_DIR` of a process before its start, with a copy of the cache.
    pub(crate) fn provide(
        &self,
        deno_dir: &Path,
        user: Option<ProcessUser>,
    ) -> std::io::Result<()> {
        let own = |path: &Path| user.map_or(Ok(()), |user| user.own(path));
        fs_err::create_dir(deno_dir)?;
        own(deno_dir)?;
        for file in self.copy_to(deno_dir)? {
            own(&file)?;
        }
        Ok(())
    }

    /// Copies the cache into an existing folder. Returns the copied files.
    pub(super) fn copy_to(&self, folder: &Path) -> std::io::Result<Vec<PathBuf>> {
        let mut copied = Vec::new();
        for file in FILES {
            let (from, to) = (self.folder.join(file), folder.join(file));
            if from.is_file() {
                fs_err::copy(&from, &to)?;
                copied.push(to);
            }
        }
        Ok(copied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_gets_its_own_copy() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        fs_err::create_dir(path("first")).unwrap();
        fs_err::write(path("first").join(FILES[0]), "code").unwrap();
        fs_err::write(path("first").join("registries"), "other").unwrap();
        let compiled = CodeCache::take(&path("first"), path("compiled")).unwrap();
        for process in ["second", "third"] {
            compiled.provide(&path(process), None).unwrap();
            let copy = path(process).join(FILES[0]);
            assert_eq!(fs_err::read_to_string(&copy).unwrap(), "code");
            assert!(!path(process).join("registries").exists());
            fs_err::write(copy, "poison").unwrap();
        }
    }
}
