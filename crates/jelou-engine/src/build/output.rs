//! Reads the bundler's output files. The bundler processed untrusted code and may have created a link to a file that
//! only the server can read. Therefore links are not followed.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::error::BuildError;
use super::packages;
use crate::artifacts::{AssetFiles, Bundle};

/// Bytes of a source map. Its size depends on the sources, not on the bundle.
const MAX_MAP_BYTES: u64 = 64 * 1024 * 1024;

/// Reads the bundle and its source map from the folder.
pub(super) fn read(dir: &Path, max_bundle_bytes: u64) -> Result<Bundle, BuildError> {
    let (Some(bundle), Some(map)) = (find(dir, "js")?, find(dir, "map")?) else {
        return Err(BuildError::Source("the bundler wrote no bundle".to_owned()));
    };
    let read_map = || {
        read_file(&map, MAX_MAP_BYTES, |bytes| {
            BuildError::Source(format!(
                "the source map is {bytes} bytes; there may be {MAX_MAP_BYTES}"
            ))
        })
    };
    let code = read_file(&bundle, max_bundle_bytes, |bytes| {
        BuildError::BundleTooLarge {
            bytes,
            limit: max_bundle_bytes,
            largest: read_map().map_or_else(|_| Vec::new(), |map| packages::largest(&map)),
        }
    })?;
    let source_map = read_map()?;
    Ok(Bundle {
        code,
        source_map,
        assets: AssetFiles::new(),
        compiled: None,
    })
}

fn find(dir: &Path, extension: &str) -> Result<Option<PathBuf>, BuildError> {
    for entry in fs_err::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn read_file(
    path: &Path,
    limit: u64,
    too_large: impl FnOnce(u64) -> BuildError,
) -> Result<String, BuildError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file =
        File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(std::io::Error::from)?);
    let metadata = file.metadata()?;
    // A hard link may point to a file of another user.
    let is_own = metadata.is_file() && std::os::unix::fs::MetadataExt::nlink(&metadata) == 1;
    if !is_own {
        return Err(BuildError::Leak(path.display().to_string()));
    }
    if metadata.len() > limit {
        return Err(too_large(metadata.len()));
    }
    let mut text = String::new();
    file.take(limit).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("index.js"), "bundle").unwrap();
        fs_err::write(dir.path().join("index.js.map"), "{}").unwrap();
        dir
    }

    #[test]
    fn a_bundle_and_its_map() {
        let read = read(folder().path(), 6).unwrap();
        assert_eq!((&*read.code, &*read.source_map), ("bundle", "{}"));
    }

    #[test]
    fn a_bundle_over_the_limit_is_not_read() {
        let error = read(folder().path(), 5).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the bundle is 6 bytes; the limit is 5 bytes (limits.max_bundle_bytes). Import fewer or smaller packages"
        );
    }

    #[test]
    fn links_are_not_followed() {
        let other = tempfile::tempdir().unwrap();
        let secret = other.path().join("secret");
        fs_err::write(&secret, "secret").unwrap();
        let dir = folder();
        let bundle = dir.path().join("index.js");
        fs_err::remove_file(&bundle).unwrap();
        std::os::unix::fs::symlink(&secret, &bundle).unwrap();
        assert!(matches!(read(dir.path(), 100), Err(BuildError::Io(_))));
        fs_err::remove_file(&bundle).unwrap();
        fs_err::hard_link(&secret, &bundle).unwrap();
        assert!(matches!(read(dir.path(), 100), Err(BuildError::Leak(_))));
    }
}
