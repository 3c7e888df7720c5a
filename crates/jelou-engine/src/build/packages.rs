//! The npm packages of a build: their list, their folders in the cache, and read access to them for every step.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use serde::Deserialize;

/// A package as `deno info` lists it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) local_path: PathBuf,
}

impl Package {
    /// Returns the package's folder with symbolic links resolved, as in the bundler's paths. For a package that was not
    /// downloaded, returns `local_path`.
    pub(super) fn folder(&self) -> PathBuf {
        self.local_path
            .canonicalize()
            .unwrap_or_else(|_| self.local_path.clone())
    }

    /// Deno lists a package that occurs with several sets of peers as copies, with a number after the version, and does
    /// not create the folders of the copies. Points a copy to the original.
    pub(super) fn use_original(&mut self) {
        let original = self.local_path.file_name().and_then(|name| {
            let (version, number) = name.to_str()?.rsplit_once('_')?;
            let is_copy = version == self.version && number.parse::<u32>().is_ok();
            is_copy.then(|| self.local_path.with_file_name(version))
        });
        if let Some(original) =
            original.filter(|folder| !self.local_path.is_dir() && folder.is_dir())
        {
            self.local_path = original;
        }
    }

    /// Returns `name@version`, without the peer dependencies that an id may have.
    pub(super) fn label(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// The packages by id, which is `name@version` and the peer dependencies.
pub(super) type Packages = BTreeMap<String, Package>;

/// Makes the packages readable for the steps that bundle and check types. Deno preserves the file modes of a tarball,
/// and some packages have files that only the owner can read.
///
/// `cache` is the folder of all packages. Packages in other folders do not change.
pub(super) fn make_readable(packages: &Packages, cache: &Path) -> std::io::Result<()> {
    let cache = fs_err::canonicalize(cache)?;
    for package in packages.values() {
        // An optional package of another platform is listed but not downloaded.
        let Ok(path) = package.local_path.canonicalize() else {
            continue;
        };
        if path.starts_with(&cache) {
            make_folder_readable(&rustix::fs::open(&path, FOLDER, Mode::empty())?)?;
        }
    }
    Ok(())
}

/// Flags to open a folder without following a link. The cache belongs to the user who fetches packages, and a link
/// could lead to a file that only the server can change.
pub(super) const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

fn make_folder_readable(folder: &OwnedFd) -> std::io::Result<()> {
    add_mode(folder, Mode::RGRP | Mode::XGRP)?;
    let entries = Dir::read_from(folder)?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                make_folder_readable(&rustix::fs::openat(folder, name, FOLDER, Mode::empty())?)?;
            }
            FileType::RegularFile if !Mode::from_raw_mode(stat.st_mode).contains(Mode::RGRP) => {
                let file = rustix::fs::openat(folder, name, FILE, Mode::empty())?;
                add_mode(&file, Mode::RGRP)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Adds bits to the mode of a file. Does not change a file with several hard links, because it may belong to another
/// user.
fn add_mode(file: &OwnedFd, added: Mode) -> std::io::Result<()> {
    let stat = rustix::fs::fstat(file)?;
    let mode = Mode::from_raw_mode(stat.st_mode);
    let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    if mode.contains(added) || (!is_folder && stat.st_nlink > 1) {
        return Ok(());
    }
    Ok(rustix::fs::fchmod(file, mode | added)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn files_of_listed_packages_become_readable() {
        let cache = tempfile::tempdir().unwrap();
        let folder = cache.path().join("registry/a/1.0.0");
        let write = |path: &Path, mode| {
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "").unwrap();
            fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let (odd, deep) = (
            folder.join("package.json"),
            folder.join("lib/deep/index.js"),
        );
        let (other, outside) = (
            cache.path().join("registry/b/1.0.0/x"),
            tempfile::tempdir().unwrap(),
        );
        let outside = outside.path().join("y");
        for path in [&odd, &deep, &other, &outside] {
            write(path, 0o604);
        }
        let lib = folder.join("lib");
        fs_err::set_permissions(&lib, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::symlink(&outside, folder.join("link")).unwrap();
        fs_err::hard_link(&outside, folder.join("second-name")).unwrap();
        let package = |path: PathBuf| Package {
            name: "a".to_owned(),
            version: "1.0.0".to_owned(),
            local_path: path,
        };
        let packages = Packages::from([
            ("a@1.0.0".to_owned(), package(folder.clone())),
            (
                "gone@1.0.0".to_owned(),
                package(cache.path().join("registry/gone/1.0.0")),
            ),
            (
                "out@1.0.0".to_owned(),
                package(outside.parent().unwrap().to_owned()),
            ),
        ]);
        make_readable(&packages, cache.path()).unwrap();
        let mode = |path: &Path| fs_err::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&odd), mode(&deep), mode(&lib)), (0o644, 0o644, 0o750));
        assert_eq!((mode(&other), mode(&outside)), (0o604, 0o604));
    }
}
