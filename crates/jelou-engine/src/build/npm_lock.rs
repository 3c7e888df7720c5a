//! Reduces npm's lock file to the packages that a function can use. The lock file of a project also has the packages of
//! its tools, such as compilers and test runners. Deno would ask the registry about all of them.

use std::collections::{BTreeMap, BTreeSet};

use jelou_core::SourceTree;
use jelou_core::source::{is_configuration, is_module};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::config::{self, PACKAGE_JSON, package_name};
use super::error::BuildError;
use super::lock::{DENO_LOCK, NPM_LOCK};

/// The keys of a `package.json` with packages.
const GROUPS: [&str; 4] = [
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "peerDependencies",
];
/// Parts of the names of modules that only tools import: their configurations, and tests.
const OF_TOOLS: [&str; 4] = [".config.", ".spec.", ".test.", ".d.ts"];
const FOLDER: &str = "node_modules/";

/// The parts of a package in npm's lock file that name other packages.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Locked {
    dependencies: BTreeMap<String, String>,
    optional_dependencies: BTreeMap<String, String>,
    peer_dependencies: BTreeMap<String, String>,
    /// The folder of a package of the project's workspace.
    resolved: Option<String>,
    link: bool,
}

/// Returns the project's `package.json` and lock file with only the packages whose names the code mentions, and those
/// that they need.
///
/// # Errors
///
/// [`BuildError::Config`], when a file cannot be parsed.
pub(super) fn reduced(
    package_json: &str,
    lock: &str,
    mentioned: &BTreeSet<String>,
) -> Result<(String, String), BuildError> {
    let mut package: Map<String, Value> = config::json(PACKAGE_JSON, package_json)?;
    let mut lock: Map<String, Value> = config::json(NPM_LOCK, lock)?;
    let Some(Value::Object(packages)) = lock.get_mut("packages") else {
        // The first version of the format does not say what a package needs.
        return Ok((package_json.to_owned(), Value::Object(lock).to_string()));
    };
    let kept = needed(packages, mentioned);
    packages.retain(|path, _| path.is_empty() || kept.contains(path));
    if let Some(Value::Object(root)) = packages.get_mut("") {
        retain_names(root, &kept);
    }
    // The older list of the same packages.
    lock.remove("dependencies");
    retain_names(&mut package, &kept);
    Ok((
        Value::Object(package).to_string(),
        Value::Object(lock).to_string(),
    ))
}

fn retain_names(package: &mut Map<String, Value>, kept: &BTreeSet<String>) {
    for group in GROUPS {
        if let Some(Value::Object(names)) = package.get_mut(group) {
            names.retain(|name, _| kept.contains(&format!("{FOLDER}{name}")));
        }
    }
}

/// Returns the paths of the packages in the lock file that the code can use.
fn needed(packages: &Map<String, Value>, mentioned: &BTreeSet<String>) -> BTreeSet<String> {
    let names = mentioned.iter().map(|name| format!("{FOLDER}{name}"));
    let mut open: Vec<String> = names.filter(|path| packages.contains_key(path)).collect();
    let mut kept = BTreeSet::new();
    while let Some(path) = open.pop() {
        let Some(value) = packages.get(&path) else {
            continue;
        };
        if !kept.insert(path.clone()) {
            continue;
        }
        let locked = Locked::deserialize(value).unwrap_or_default();
        let names = [
            &locked.dependencies,
            &locked.optional_dependencies,
            &locked.peer_dependencies,
        ];
        let names = names.into_iter().flat_map(BTreeMap::keys);
        open.extend(names.filter_map(|name| found_from(packages, &path, name)));
        open.extend(locked.resolved.filter(|_| locked.link));
    }
    kept
}

/// Returns the path of the package that a package at `path` imports as `name`: the nearest one, as in Node.
fn found_from(packages: &Map<String, Value>, path: &str, name: &str) -> Option<String> {
    let mut folder = path;
    loop {
        let prefix = if folder.is_empty() { "" } else { "/" };
        let candidate = format!("{folder}{prefix}{FOLDER}{name}");
        if packages.contains_key(&candidate) {
            return Some(candidate);
        }
        if folder.is_empty() {
            return None;
        }
        folder = folder.rsplit_once('/').map_or("", |(parent, _)| parent);
    }
}

/// Returns the names of packages in the texts between quotes of the code and its configuration.
pub(super) fn mentioned(tree: &SourceTree) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let files = tree.files().iter().filter(|file| {
        let is_lock = file.path == NPM_LOCK || file.path == DENO_LOCK;
        let is_of_tool = OF_TOOLS.iter().any(|part| file.path.contains(part));
        is_module(&file.path) && !is_of_tool
            || is_configuration(&file.path) && !is_lock && file.path != PACKAGE_JSON
    });
    for text in files.filter_map(|file| file.text()) {
        let mut parts = text.split(['"', '\'', '`']);
        parts.next();
        names.extend(parts.filter_map(|part| {
            let part = part.strip_prefix("npm:").unwrap_or(part);
            let name = package_name(part);
            let end = name.get(1..).and_then(|rest| rest.find('@'));
            let name = end.map_or(name, |end| &name[..=end]);
            let is_name = |c: char| c.is_ascii_alphanumeric() || "@/._-".contains(c);
            (!name.is_empty() && name.len() < 215 && name.chars().all(is_name))
                .then(|| name.to_owned())
        }));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use jelou_core::SourceFile;
    use jelou_core::source::Declared;
    use serde_json::json;

    #[test]
    fn only_packages_of_the_code_remain() {
        let package = json!({
            "dependencies": { "app": "^1", "unused": "^1", "@scope/driver": "^2" },
            "devDependencies": { "compiler": "^5", "also-imported": "^1" },
        });
        let lock = json!({ "lockfileVersion": 3, "dependencies": { "compiler": {} }, "packages": {
            "": { "dependencies": { "app": "^1", "unused": "^1" }, "devDependencies": { "compiler": "^5" } },
            "node_modules/app": {
                "dependencies": { "deep": "^1" }, "peerDependencies": { "@scope/driver": "*", "absent": "*" },
            },
            "node_modules/app/node_modules/deep": { "dependencies": { "shared": "^1", "app": "^1" } },
            "node_modules/deep": { "dependencies": { "compiler": "^1" } },
            "node_modules/shared": {},
            "node_modules/@scope/driver": {},
            "node_modules/also-imported": {},
            "node_modules/unused": {},
            "node_modules/compiler": { "optionalDependencies": { "native": "1" } },
            "node_modules/native": {},
        } });
        let names = ["app", "also-imported"].map(str::to_owned).into();
        let (package, lock) = reduced(&package.to_string(), &lock.to_string(), &names).unwrap();
        let package: Value = serde_json::from_str(&package).unwrap();
        let lock: Value = serde_json::from_str(&lock).unwrap();
        assert_eq!(
            package,
            json!({ "dependencies": { "app": "^1", "@scope/driver": "^2" }, "devDependencies": { "also-imported": "^1" } })
        );
        let mut paths: Vec<_> = lock["packages"].as_object().unwrap().keys().collect();
        paths.sort_unstable();
        assert_eq!(
            paths,
            [
                "",
                "node_modules/@scope/driver",
                "node_modules/also-imported",
                "node_modules/app",
                "node_modules/app/node_modules/deep",
                "node_modules/shared",
            ]
        );
        assert_eq!(
            lock["packages"][""],
            json!({ "dependencies": { "app": "^1" }, "devDependencies": {} })
        );
    }

    #[test]
    fn names_between_quotes_are_found() {
        let code = "import a from \"app/lib\"; const b = require('@scope/driver'); import(`npm:c@1/x`); './d'; \"e f\"";
        let files = vec![
            SourceFile::new("index.ts", code.to_owned()),
            SourceFile::new("package.json", "{\"name\": \"unused\"}".to_owned()),
            SourceFile::new("tool.config.ts", "import 'tool'".to_owned()),
            SourceFile::new("tsconfig.json", "{\"jsxImportSource\": \"jsx\"}".to_owned()),
        ];
        let limits = jelou_core::Limits::default().upload();
        let found = mentioned(&SourceTree::new(files, Declared::default(), &limits).unwrap());
        for name in ["app", "@scope/driver", "c", "jsx"] {
            assert!(found.contains(name), "{name}: {found:?}");
        }
        assert!(!found.contains("unused") && !found.contains("tool"));
    }
}
