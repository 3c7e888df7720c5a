//! The artifacts on disk, by hash, so that a cold start needs no database.

use std::collections::HashSet;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use bytes::Bytes;
use jelou_core::SourceFile;
use sha2::{Digest, Sha256};

use super::archive::{self, AssetFiles};
use super::compiled::CompiledBundle;
use crate::hex::hex;

/// The files of an artifact in memory: the output of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The module that a worker imports.
    pub code: String,
    pub source_map: String,
    /// The files that the function reads by path.
    pub assets: AssetFiles,
    /// Deno's analysis and V8 code cache of the bundle, if the bundle was compiled.
    pub compiled: Option<CompiledBundle>,
}

impl Bundle {
    /// Packs the assets into one archive, without the content of files that equal one of `sources`. Returns `None` if
    /// there are no assets.
    ///
    /// # Errors
    ///
    /// When a path cannot be part of an archive.
    pub fn assets_archive(&self, sources: &[SourceFile]) -> std::io::Result<Option<Vec<u8>>> {
        if self.assets.is_empty() {
            return Ok(None);
        }
        archive::pack(&self.assets, sources).map(Some)
    }

    /// Reads the assets from an archive of [`Bundle::assets_archive`].
    ///
    /// # Errors
    ///
    /// When the archive is damaged.
    pub fn assets_of(
        archive: Option<Vec<u8>>,
        sources: &[SourceFile],
    ) -> std::io::Result<AssetFiles> {
        archive::unpack(&archive.unwrap_or_default().into(), sources)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    #[error("artifact {0} is not in the cache folder")]
    Missing(String),
    #[error("artifact {0} in the cache folder is damaged")]
    Corrupt(String),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

#[derive(Debug, Clone)]
pub struct ArtifactCache {
    dir: PathBuf,
}

impl ArtifactCache {
    /// Creates the folder if it does not exist.
    ///
    /// # Errors
    ///
    /// When the folder cannot be created.
    pub fn open(dir: PathBuf) -> Result<Self, ArtifactError> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir)?;
        Ok(Self { dir })
    }

    /// Returns whether all files of the artifact exist and are intact.
    pub fn holds(&self, hash: &str) -> bool {
        self.code(hash).is_ok() && self.source_map(hash).is_ok() && self.assets(hash).is_ok()
    }

    /// Stores a bundle under the hash of its artifact.
    ///
    /// # Errors
    ///
    /// When the files cannot be written.
    pub fn put(&self, hash: &str, bundle: &Bundle) -> Result<(), ArtifactError> {
        if let Some(compiled) = &bundle.compiled {
            self.put_compiled(hash, compiled)?;
        }
        let assets = bundle.assets_archive(&[])?.unwrap_or_default();
        self.write(&format!("{hash}.assets"), &assets)?;
        self.write(&format!("{hash}.map"), bundle.source_map.as_bytes())?;
        self.write(&format!("{hash}.js"), bundle.code.as_bytes())
    }

    /// Stores Deno's analysis and V8 code cache of the bundle.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn put_compiled(&self, hash: &str, compiled: &CompiledBundle) -> Result<(), ArtifactError> {
        self.write(&format!("{hash}.compiled"), &compiled.to_bytes()?)
    }

    /// Returns Deno's analysis and V8 code cache of the bundle. `None` if the file is missing or damaged, because the
    /// bundle can be compiled again.
    pub fn compiled(&self, hash: &str) -> Option<CompiledBundle> {
        let bytes = self.read(&format!("{hash}.compiled"), hash).ok()?;
        CompiledBundle::from_bytes(&bytes)
    }

    /// Reads the code of the bundle.
    ///
    /// # Errors
    ///
    /// When the file is missing, damaged, or cannot be read.
    pub fn code(&self, hash: &str) -> Result<String, ArtifactError> {
        self.read_text(&format!("{hash}.js"), hash)
    }

    /// Reads the source map of the bundle.
    ///
    /// # Errors
    ///
    /// When the file is missing, damaged, or cannot be read.
    pub fn source_map(&self, hash: &str) -> Result<String, ArtifactError> {
        self.read_text(&format!("{hash}.map"), hash)
    }

    /// Reads the assets.
    ///
    /// # Errors
    ///
    /// When the file is missing, damaged, or cannot be read.
    pub fn assets(&self, hash: &str) -> Result<AssetFiles, ArtifactError> {
        let archive = self.read(&format!("{hash}.assets"), hash)?;
        archive::unpack(&archive, &[]).map_err(|_| ArtifactError::Corrupt(hash.to_owned()))
    }

    /// Removes an artifact, if it exists.
    ///
    /// # Errors
    ///
    /// When a file cannot be removed.
    pub fn remove(&self, hash: &str) -> Result<(), ArtifactError> {
        for name in
            ["js", "map", "assets", "compiled"].map(|extension| format!("{hash}.{extension}"))
        {
            match fs_err::remove_file(self.dir.join(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes all artifacts except the artifacts in `keep`.
    ///
    /// # Errors
    ///
    /// When a file cannot be removed.
    pub fn retain(&self, keep: &HashSet<String>) -> Result<(), ArtifactError> {
        for entry in fs_err::read_dir(&self.dir)? {
            let path = entry?.path();
            let kept = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .is_some_and(|stem| keep.contains(stem));
            if !kept {
                fs_err::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn read_text(&self, name: &str, hash: &str) -> Result<String, ArtifactError> {
        String::from_utf8(self.read(name, hash)?.into())
            .map_err(|_| ArtifactError::Corrupt(hash.to_owned()))
    }

    /// Reads a file, and checks its content against the digest on its first line.
    fn read(&self, name: &str, hash: &str) -> Result<Bytes, ArtifactError> {
        let bytes = match fs_err::read(self.dir.join(name)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ArtifactError::Missing(hash.to_owned()));
            }
            result => Bytes::from(result?),
        };
        let corrupt = || ArtifactError::Corrupt(hash.to_owned());
        let end = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or_else(corrupt)?;
        let content = bytes.slice(end + 1..);
        if bytes[..end] == *digest(&content).as_bytes() {
            Ok(content)
        } else {
            Err(corrupt())
        }
    }

    /// Writes a file atomically: a reader never sees a partial file, and a full disk leaves no file.
    fn write(&self, name: &str, content: &[u8]) -> Result<(), ArtifactError> {
        let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
        writeln!(file, "{}", digest(content))?;
        file.write_all(content)?;
        file.persist(self.dir.join(name))
            .map_err(|error| error.error)?;
        Ok(())
    }
}

fn digest(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tampered_artifact_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let cache = ArtifactCache::open(dir.path().join("artifacts")).unwrap();
        let bundle = Bundle {
            code: "export default 1".into(),
            source_map: "{}".into(),
            assets: AssetFiles::from([("logo.png".to_owned(), Bytes::from_static(&[0, 255]))]),
            compiled: None,
        };
        cache.put("a1", &bundle).unwrap();
        assert!(cache.holds("a1"));
        assert_eq!(cache.code("a1").unwrap(), bundle.code);
        assert_eq!(cache.assets("a1").unwrap(), bundle.assets);
        let compiled = crate::artifacts::compiled::tests::compiled();
        assert_eq!(cache.compiled("a1"), None);
        cache.put_compiled("a1", &compiled).unwrap();
        assert_eq!(cache.compiled("a1"), Some(compiled));
        let code = dir.path().join("artifacts/a1.compiled");
        let mut bytes = fs_err::read(&code).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs_err::write(&code, bytes).unwrap();
        assert_eq!(cache.compiled("a1"), None);
        let file = dir.path().join("artifacts/a1.js");
        let text = fs_err::read_to_string(&file).unwrap();
        fs_err::write(&file, text.replace("default 1", "default 2")).unwrap();
        assert!(matches!(cache.code("a1"), Err(ArtifactError::Corrupt(_))));
        assert!(matches!(cache.code("b2"), Err(ArtifactError::Missing(_))));
        cache.retain(&HashSet::new()).unwrap();
        assert!(matches!(cache.code("a1"), Err(ArtifactError::Missing(_))));
    }
}
