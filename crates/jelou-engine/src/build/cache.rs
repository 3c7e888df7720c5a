//! The `DENO_DIR` that all builds share, with the packages and the bundler. Workers cannot read it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jelou_sandbox::ProcessUser;

use crate::deno::{Deno, ESBUILD_VERSION};

#[derive(Debug)]
pub(super) struct DenoCache {
    path: PathBuf,
}

impl DenoCache {
    /// Creates the folder. `builder`, the user who fetches packages, owns only the packages. It must not own the
    /// bundler, because every build runs the bundler.
    pub(super) fn provide(
        cache_dir: &Path,
        deno: &Deno,
        builder: Option<ProcessUser>,
    ) -> std::io::Result<Self> {
        let cache = Self {
            path: cache_dir.join("deno"),
        };
        let packages = cache.packages();
        fs_err::create_dir_all(&packages)?;
        provide_bundler(deno, &cache.bundler())?;
        let Some(builder) = builder else {
            return Ok(cache);
        };
        for folder in [cache_dir, cache.path()] {
            std::os::unix::fs::lchown(folder, Some(0), Some(0))?;
            fs_err::set_permissions(folder, Permissions::from_mode(0o711))?;
        }
        // A walk through a large cache takes seconds, so only the first start walks.
        if !builder.owns(&packages)? {
            builder.own_all(&packages)?;
        }
        // Later build steps read the packages as members of the group.
        fs_err::set_permissions(&packages, Permissions::from_mode(0o750))?;
        Ok(cache)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the cache of packages, the only part that a build can write to.
    pub(super) fn packages(&self) -> PathBuf {
        self.path.join("npm")
    }

    /// Returns the path of the bundler, which every build can start.
    pub(super) fn bundler(&self) -> PathBuf {
        self.path
            .join("bundler")
            .join(format!("esbuild-{ESBUILD_VERSION}"))
    }
}

/// Links or copies the pinned bundler to `target`, where the user of a build can start it.
fn provide_bundler(deno: &Deno, target: &Path) -> std::io::Result<()> {
    let Some(bundler) = &deno.bundler else {
        return Ok(());
    };
    if let Some(folder) = target.parent() {
        fs_err::create_dir_all(folder)?;
        fs_err::set_permissions(folder, Permissions::from_mode(0o755))?;
    }
    if !target.is_file() {
        fs_err::hard_link(bundler, target).or_else(|_| fs_err::copy(bundler, target).map(drop))?;
    }
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::lchown(target, Some(0), Some(0))?;
    }
    // The hard link may point to a file of another user, whose mode cannot be changed.
    if target.metadata()?.permissions().mode() & 0o777 == 0o755 {
        return Ok(());
    }
    fs_err::set_permissions(target, Permissions::from_mode(0o755))
}

#[cfg(test)]
mod tests {
    use jelou_sandbox::UserIds;

    use super::*;

    #[test]
    fn builds_do_not_own_the_bundler() {
        let dir = tempfile::tempdir().unwrap();
        let bundler = dir.path().join("esbuild");
        fs_err::write(&bundler, "#!").unwrap();
        let deno = Deno {
            binary: PathBuf::new(),
            bundler: Some(bundler.clone()),
            source: crate::deno::DenoSource::Path,
        };
        let ids = UserIds::new(600_000, 0);
        let builder = rustix::process::geteuid().is_root().then(|| ids.builder());
        let cache_dir = dir.path().join("cache");
        let provide = || DenoCache::provide(&cache_dir, &deno, builder).unwrap();
        let cache = provide();
        let owner = |path: &Path| std::os::unix::fs::MetadataExt::uid(&path.metadata().unwrap());
        let own = rustix::process::geteuid().as_raw();
        assert_eq!(owner(&cache.bundler()), own);
        assert_eq!(owner(&bundler), own);
        assert_eq!(owner(cache.path()), own);
        let packages = cache.packages();
        assert_eq!(owner(&packages), builder.map_or(own, ProcessUser::id));
        // The next start finds an existing folder.
        provide();
        // With other user ids, everything in it gets another owner.
        let package = packages.join("package");
        fs_err::create_dir(&package).unwrap();
        let other = builder.map(|_| UserIds::new(700_000, 0).builder());
        DenoCache::provide(&cache_dir, &deno, other).unwrap();
        assert_eq!(owner(&package), other.map_or(own, ProcessUser::id));
        assert_eq!(owner(&packages), owner(&package));
    }
}
