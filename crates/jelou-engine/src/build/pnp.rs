//! Makes a manifest of Yarn Plug'n'Play, from which the bundler reads the version of each package that a package
//! imports. So packages remain in Deno's cache, and a build needs no `node_modules`.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};

use super::lock::Lock;
use super::packages::Packages;

/// The name of the manifest that the bundler reads.
pub(super) const FILE: &str = ".pnp.data.json";

/// Returns the private name of a package, with which the build imports it for the upload and for remote modules.
pub(super) fn private_name(index: usize) -> String {
    format!("jelou-package-{index}")
}

/// Returns the manifest for a build in `root`.
pub(super) fn manifest(packages: &Packages, lock: &Lock, root: &Path) -> Value {
    let mut registry: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    let mut own = Vec::new();
    let mut fallback = Vec::new();
    for (index, (id, package)) in packages.iter().enumerate() {
        let reference = json!([package.name, id]);
        let mut dependencies = vec![json!([package.name, id])];
        for dependency in lock.dependencies(id, packages) {
            if let Some(target) = packages.get(&dependency.id) {
                dependencies.push(json!([dependency.name, [target.name, dependency.id]]));
            }
        }
        let location = relative(root, &package.folder());
        registry.entry(&package.name).or_default().push(json!([id, {
            "packageLocation": format!("{}/", location.display()),
            "packageDependencies": dependencies,
            "linkType": "HARD",
        }]));
        own.push(json!([private_name(index), reference]));
        // Some packages import packages that they do not declare.
        fallback.push(json!([package.name, id]));
    }
    let top = json!([null, [[null, {
        "packageLocation": "./",
        "packageDependencies": own,
        "linkType": "SOFT",
    }]]]);
    let rest = registry
        .into_iter()
        .map(|(name, versions)| json!([name, versions]));
    let all: Vec<Value> = std::iter::once(top).chain(rest).collect();
    json!({
        "dependencyTreeRoots": [],
        "enableTopLevelFallback": true,
        "fallbackExclusionList": [],
        "fallbackPool": fallback,
        "ignorePatternData": null,
        "packageRegistryData": all,
    })
}

/// Returns the path of `target` relative to `folder`. Both must be absolute, without `.` and `..`.
pub(super) fn relative(folder: &Path, target: &Path) -> PathBuf {
    let shared = folder
        .components()
        .zip(target.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = folder
        .components()
        .skip(shared)
        .map(|_| Component::ParentDir);
    up.chain(target.components().skip(shared)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_between_folders() {
        let path = |folder: &str, target: &str| {
            relative(Path::new(folder), Path::new(target))
                .display()
                .to_string()
        };
        assert_eq!(path("/a/run/b", "/a/cache/c"), "../../cache/c");
        assert_eq!(path("/a", "/a/b"), "b");
        assert_eq!(path("/a/b", "/c"), "../../c");
    }
}
