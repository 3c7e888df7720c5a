//! Makes Deno fetch the versions of packages from the registry again. Deno caches the list of versions of a package
//! forever. So the chosen version would depend on when an earlier build imported the package.

use std::io::{ErrorKind, Result};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode};

use super::packages::FOLDER;

/// Deno's file with the versions of a package, next to the folders of the versions.
const VERSIONS: &str = "registry.json";
/// A file that the folder of each version has.
const PACKAGE: &str = "package.json";
/// Maximum depth of the search in Deno's npm cache: registry host, scope and package, and up to five segments of the
/// registry's path.
const MAX_DEPTH: usize = 8;

/// Removes the lists of versions from the cache, but not the packages.
///
/// # Errors
///
/// When a file cannot be removed.
pub(super) fn forget_versions(cache: &Path) -> Result<()> {
    let folder = rustix::fs::open(cache, FOLDER, Mode::empty())?;
    forget_in(&folder, 0)
}

fn forget_in(folder: &OwnedFd, depth: usize) -> Result<()> {
    if rustix::fs::unlinkat(folder, VERSIONS, AtFlags::empty()).is_ok() || depth == MAX_DEPTH {
        return Ok(());
    }
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type() != FileType::Directory || matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let inner = match rustix::fs::openat(folder, name, FOLDER, Mode::empty()) {
            // Another build may have removed the folder.
            Err(error) if std::io::Error::from(error).kind() == ErrorKind::NotFound => continue,
            inner => inner?,
        };
        let is_package = rustix::fs::statat(&inner, PACKAGE, AtFlags::SYMLINK_NOFOLLOW).is_ok();
        if !is_package {
            forget_in(&inner, depth + 1)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lists_of_versions_are_removed() {
        let cache = tempfile::tempdir().unwrap();
        let files = [
            ("host/a/registry.json", false),
            ("host/api/npm/@scope/b/registry.json", false),
            ("host/a/1.0.0/package.json", true),
            ("host/a/1.0.0/registry.json", true),
            ("host/c/2.0.0/package.json", true),
            ("host/c/2.0.0/data/registry.json", true),
        ];
        for (file, _) in files {
            let path = cache.path().join(file);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "{}").unwrap();
        }
        for _ in 0..2 {
            forget_versions(cache.path()).unwrap();
            for (file, stays) in files {
                assert_eq!(cache.path().join(file).exists(), stays, "{file}");
            }
        }
    }
}
