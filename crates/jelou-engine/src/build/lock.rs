//! The lock file of a build: the exact version of every package, with its digest.
//!
//! A build uses the lock file of the upload, and extends it. If the upload has none, the build creates a lock file. A
//! lock file also lists the dependencies between packages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::config;
use super::error::BuildError;
use super::packages::Packages;

/// The names of the lock files of Deno and npm.
pub(super) const DENO_LOCK: &str = "deno.lock";
pub(super) const NPM_LOCK: &str = "package-lock.json";

/// A lock file of Deno, version 5.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Lock {
    /// npm packages by id, which is `name@version` and the peer dependencies.
    #[serde(default)]
    npm: BTreeMap<String, Locked>,
    /// JSR packages by `@scope/name@version`.
    #[serde(default)]
    jsr: BTreeMap<String, LockedJsr>,
    /// SHA-256 of remote modules, by URL.
    #[serde(default)]
    remote: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
struct LockedJsr {
    integrity: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Locked {
    pub(super) integrity: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
    #[serde(default)]
    optional_dependencies: Vec<String>,
    #[serde(default)]
    os: Vec<String>,
    #[serde(default)]
    cpu: Vec<String>,
}

/// A dependency of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dependency {
    /// The name with which the package imports the dependency.
    pub(super) name: String,
    pub(super) id: String,
    pub(super) is_optional: bool,
}

impl Locked {
    /// Returns whether the package is a prebuilt binary for certain processors on Linux.
    pub(super) fn is_prebuilt_for_linux(&self) -> bool {
        let has = |list: &[String], wanted: &str| list.iter().any(|item| item == wanted);
        has(&self.os, "linux") && !self.cpu.is_empty()
    }
}

impl Lock {
    /// Reads the lock file that Deno wrote. A missing file counts as empty: a build without packages has none.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub(super) fn read(path: &Path) -> Result<Self, BuildError> {
        let text = match super::output::read_own(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            text => text?,
        };
        Self::parse(DENO_LOCK, &text)
    }

    /// Parses a lock file of Deno.
    ///
    /// # Errors
    ///
    /// When the text is not a lock file.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, BuildError> {
        config::json(file, text)
    }

    /// Checks that no package has another digest than in the lock file of the upload. Deno would replace a wrong digest
    /// by the digest of the registry.
    ///
    /// # Errors
    ///
    /// The first package with another digest.
    pub(super) fn check_against(&self, file: &str, text: &str) -> Result<(), BuildError> {
        let own = digests(file, text)?;
        for (id, locked) in &self.npm {
            // In an id, the peer dependencies follow the name and the version.
            let label = id.split('_').next().unwrap_or(id);
            let expected = own.get(id).or_else(|| own.get(label));
            if let (Some(expected), Some(found)) = (expected, &locked.integrity)
                && expected != found
            {
                return Err(BuildError::Integrity {
                    package: id.clone(),
                    lock: file.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Returns whether this lock file has packages that `other` does not have.
    pub(super) fn extends(&self, other: &Self) -> bool {
        self.npm.keys().any(|id| !other.npm.contains_key(id))
    }

    /// Returns the SHA-256 of the manifest of a JSR package, which has the digests of the package's modules.
    pub(super) fn jsr(&self, package: &str) -> Option<&str> {
        Some(&self.jsr.get(package)?.integrity)
    }

    /// Returns the SHA-256 of a remote module.
    pub(super) fn remote(&self, url: &str) -> Option<&str> {
        self.remote.get(url).map(String::as_str)
    }

    pub(super) fn package(&self, id: &str) -> Option<&Locked> {
        self.npm.get(id)
    }

    /// Returns the installed dependencies of a package.
    pub(super) fn dependencies(&self, id: &str, packages: &Packages) -> Vec<Dependency> {
        let Some(locked) = self.npm.get(id) else {
            return Vec::new();
        };
        let all = |list: &[String], is_optional| {
            let found = list.iter().filter_map(move |line| {
                let (name, id) = target(line, packages)?;
                Some(Dependency {
                    name,
                    id,
                    is_optional,
                })
            });
            found.collect::<Vec<_>>()
        };
        let mut dependencies = all(&locked.dependencies, false);
        dependencies.extend(all(&locked.optional_dependencies, true));
        dependencies
    }

    /// Returns `roots` and all packages that they need, without optional dependencies.
    fn required(&self, roots: &[String], packages: &Packages) -> BTreeSet<String> {
        let mut required: BTreeSet<String> = BTreeSet::new();
        let mut open: Vec<String> = roots.to_vec();
        while let Some(id) = open.pop() {
            let needed = self.dependencies(&id, packages).into_iter();
            if required.insert(id) {
                open.extend(
                    needed
                        .filter(|needed| !needed.is_optional)
                        .map(|needed| needed.id),
                );
            }
        }
        required
    }

    /// Checks that every required package was downloaded, and that the cached copy has the digest of the lock file.
    /// Deno checks the digest only when it downloads a package, and does not report a download that failed.
    ///
    /// # Errors
    ///
    /// The first package that is missing or has another digest.
    pub(super) fn check(
        &self,
        roots: &[String],
        packages: &Packages,
        known: &mut BTreeMap<String, String>,
        own_lock: Option<&str>,
    ) -> Result<(), BuildError> {
        for id in self.required(roots, packages) {
            let Some(package) = packages.get(&id) else {
                continue;
            };
            if !package.local_path.is_dir() {
                return Err(BuildError::NotDownloaded {
                    package: id,
                    lock: own_lock.map(str::to_owned),
                });
            }
        }
        for (id, locked) in &self.npm {
            let (Some(integrity), Some(package)) = (&locked.integrity, packages.get(id)) else {
                continue;
            };
            if !package.local_path.is_dir() {
                continue;
            }
            let path = package.folder().display().to_string();
            match (known.get(&path), own_lock) {
                (Some(other), Some(lock)) if other != integrity => {
                    return Err(BuildError::Integrity {
                        package: id.clone(),
                        lock: lock.to_owned(),
                    });
                }
                (Some(_), _) => {}
                (None, _) => {
                    known.insert(path, integrity.clone());
                }
            }
        }
        Ok(())
    }
}

/// Returns the digests in the lock file of an upload, by `name@version`.
fn digests(file: &str, text: &str) -> Result<BTreeMap<String, String>, BuildError> {
    #[derive(Deserialize)]
    struct NpmLock {
        #[serde(default)]
        packages: BTreeMap<String, NpmPackage>,
    }
    #[derive(Deserialize)]
    struct NpmPackage {
        name: Option<String>,
        version: Option<String>,
        integrity: Option<String>,
    }
    if file == DENO_LOCK {
        let all = Lock::parse(file, text)?.npm.into_iter();
        return Ok(all
            .filter_map(|(id, locked)| Some((id, locked.integrity?)))
            .collect());
    }
    let lock: NpmLock = config::json(file, text)?;
    let all = lock.packages.into_iter();
    Ok(all
        .filter_map(|(path, package)| {
            let (_, folder) = path.rsplit_once("node_modules/")?;
            let name = package.name.unwrap_or_else(|| folder.to_owned());
            // Older lock files have digests of other algorithms, which cannot be compared.
            let digest = package
                .integrity
                .filter(|digest| digest.starts_with("sha512-"))?;
            Some((format!("{name}@{}", package.version?), digest))
        })
        .collect())
}

/// Parses a dependency in a lock file: `name`, `name@version` or `name@npm:other@version`. The version is missing if
/// only one version is installed. Returns the name and the id of the dependency.
fn target(line: &str, packages: &Packages) -> Option<(String, String)> {
    let (alias, line) = match line.split_once("@npm:") {
        Some((alias, line)) => (Some(alias), line),
        None => (None, line),
    };
    let id = if packages.contains_key(line) {
        line
    } else {
        let mut found = packages.iter().filter(|(_, package)| package.name == line);
        found.next()?.0
    };
    let name = alias.unwrap_or(&packages.get(id)?.name);
    Some((name.to_owned(), id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(ids: &[&str]) -> Packages {
        let package = |id: &&str| {
            let (name, version) = id[1..].split_once('@').unwrap();
            let json = serde_json::json!({
                "name": format!("{}{name}", &id[..1]),
                "version": version,
                "localPath": format!("/none/{id}"),
            });
            ((*id).to_owned(), serde_json::from_value(json).unwrap())
        };
        ids.iter().map(package).collect()
    }

    const LOCK: &str = r#"{ "version": "5", "npm": {
        "@isaacs/cliui@8.0.2": { "integrity": "sha512-a", "dependencies": [
            "string-width@5.1.2", "string-width-cjs@npm:string-width@4.2.3", "wrap", "gone"
        ], "optionalDependencies": ["native"] },
        "native@1.0.0": { "integrity": "sha512-n", "os": ["linux"], "cpu": ["x64"] }
    } }"#;

    #[test]
    fn dependencies_have_their_names_and_versions() {
        let lock = Lock::parse(DENO_LOCK, LOCK).unwrap();
        let packages = packages(&[
            "@isaacs/cliui@8.0.2",
            "string-width@4.2.3",
            "string-width@5.1.2",
            "wrap@1.0.0",
            "native@1.0.0",
        ]);
        let dependencies: Vec<_> = lock
            .dependencies("@isaacs/cliui@8.0.2", &packages)
            .into_iter()
            .map(|found| (found.name, found.id, found.is_optional))
            .collect();
        let expected = [
            ("string-width", "string-width@5.1.2", false),
            ("string-width-cjs", "string-width@4.2.3", false),
            ("wrap", "wrap@1.0.0", false),
            ("native", "native@1.0.0", true),
        ]
        .map(|(name, id, is_optional)| (name.to_owned(), id.to_owned(), is_optional));
        assert_eq!(dependencies, expected);
        assert!(
            lock.package("native@1.0.0")
                .unwrap()
                .is_prebuilt_for_linux()
        );
    }

    #[test]
    fn a_required_package_must_be_there() {
        let lock = Lock::parse(DENO_LOCK, LOCK).unwrap();
        let packages = packages(&["@isaacs/cliui@8.0.2", "native@1.0.0"]);
        let check = |roots: &[String]| lock.check(roots, &packages, &mut BTreeMap::new(), None);
        assert!(check(&[]).is_ok());
        assert!(matches!(
            check(&["@isaacs/cliui@8.0.2".to_owned()]),
            Err(BuildError::NotDownloaded { package, .. }) if package == "@isaacs/cliui@8.0.2"
        ));
    }

    #[test]
    fn another_digest_is_refused() {
        let lock = Lock::parse(DENO_LOCK, LOCK).unwrap();
        let npm = |digest: &str| {
            serde_json::json!({ "packages": { "": {}, "node_modules/a/node_modules/native": {
                "version": "1.0.0", "integrity": digest
            } } })
            .to_string()
        };
        assert!(lock.check_against(DENO_LOCK, LOCK).is_ok());
        assert!(lock.check_against(NPM_LOCK, &npm("sha512-n")).is_ok());
        assert!(lock.check_against(NPM_LOCK, &npm("sha1-x")).is_ok());
        for (file, text) in [
            (DENO_LOCK, LOCK.replace("sha512-a", "sha512-b")),
            (NPM_LOCK, npm("sha512-b")),
        ] {
            let refused = lock.check_against(file, &text).unwrap_err();
            assert!(matches!(refused, BuildError::Integrity { .. }), "{refused}");
        }
    }
}
