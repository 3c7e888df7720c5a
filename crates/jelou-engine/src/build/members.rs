//! The packages of a workspace (of npm, pnpm or Yarn) that are part of the upload. A dependency with the name of such a
//! package is this package, not the one of the registry.

use std::collections::{BTreeMap, BTreeSet};

use jelou_core::source::find_entrypoint;
use jelou_core::{SourceFile, SourceTree};
use serde::Deserialize;
use serde_json::Value;

use super::config::{PACKAGE_JSON, is_sdk, json, packages_in};
use super::error::BuildError;
use super::user_config::{Imports, inside};

/// The conditions of `exports` in the order in which they are tried.
const CONDITIONS: [&str; 7] = [
    "deno", "node", "import", "default", "module", "require", "types",
];

/// Imports of packages, for all files, and for the files of a folder.
#[derive(Debug, Default)]
pub(super) struct Packages {
    pub(super) imports: Imports,
    pub(super) scopes: BTreeMap<String, Imports>,
}

#[derive(Deserialize, Default)]
struct Named {
    name: Option<String>,
    #[serde(default)]
    exports: Value,
}

/// A package of the workspace.
struct Member<'a> {
    file: &'a SourceFile,
    /// Ends with `/`.
    folder: &'a str,
    exports: Value,
}

/// Returns the packages in these `package.json`, of which later ones have priority.
///
/// # Errors
///
/// [`BuildError::Config`], when one of them cannot be parsed.
pub(super) fn packages<'a>(
    tree: &'a SourceTree,
    own: impl Iterator<Item = &'a SourceFile>,
) -> Result<Packages, BuildError> {
    let members = members(tree);
    let mut packages = Packages::default();
    let mut open = BTreeSet::new();
    for file in own {
        let found = packages_in(file)?;
        open.extend(found.names);
        packages.imports.extend(found.imports);
    }
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop_first() {
        let Some(member) = members.get(&name) else {
            continue;
        };
        packages.imports.extend(member.imports(tree, &name));
        if !seen.insert(name) {
            continue;
        }
        let found = packages_in(member.file)?;
        open.extend(found.names.into_iter().filter(|name| !seen.contains(name)));
        let own = found.imports.into_iter();
        let of_registry = own.filter(|(name, _)| !members.contains_key(name));
        let scope = format!("./src/{}", member.folder);
        packages.scopes.insert(scope, of_registry.collect());
    }
    Ok(packages)
}

/// Returns the packages below the project's folder, by name.
fn members(tree: &SourceTree) -> BTreeMap<String, Member<'_>> {
    let files = tree.files().iter();
    files
        .filter_map(|file| {
            let folder = file.path.strip_suffix(PACKAGE_JSON)?;
            let text = file.text().filter(|_| folder.ends_with('/'))?;
            let named: Named = json(&file.path, text).ok()?;
            let name = named.name.filter(|name| !is_sdk(name))?;
            let exports = named.exports;
            let member = Member {
                file,
                folder,
                exports,
            };
            Some((name, member))
        })
        .collect()
}

impl Member<'_> {
    /// Returns the imports of the package: its entrypoint, and other files.
    fn imports(&self, tree: &SourceTree, name: &str) -> Imports {
        let mut imports = Imports::from([(format!("{name}/"), format!("./src/{}", self.folder))]);
        let mut add = |specifier: String, path: &str| {
            let path = inside(self.folder, path).filter(|path| tree.file(path).is_some());
            let is_found = path.is_some();
            imports.extend(path.map(|path| (specifier, format!("./src/{path}"))));
            is_found
        };
        let mut has_entry = false;
        if let Value::Object(exports) = &self.exports {
            for (key, value) in exports {
                let Some(subpath) = key.strip_prefix('.').filter(|key| !key.contains('*')) else {
                    continue;
                };
                let is_found =
                    target(value).is_some_and(|path| add(format!("{name}{subpath}"), path));
                has_entry |= subpath.is_empty() && is_found;
            }
        }
        if let Some(path) = target(&self.exports).filter(|_| !has_entry) {
            has_entry = add(name.to_owned(), path);
        }
        if !has_entry && let Some(path) = self.entrypoint(tree) {
            add(name.to_owned(), &path);
        }
        imports
    }

    /// Returns the entrypoint, which need not be the output of a compiler that `package.json` names.
    fn entrypoint(&self, tree: &SourceTree) -> Option<String> {
        let files = tree.files().iter();
        let files: Vec<&str> = files
            .filter_map(|file| file.path.strip_prefix(self.folder))
            .collect();
        let content = |name: &str| {
            Some(
                tree.file(&format!("{}{name}", self.folder))?
                    .content
                    .to_vec(),
            )
        };
        find_entrypoint(None, &files, content).ok()
    }
}

/// Returns the path in a value of `exports` or `imports`.
pub(super) fn target(value: &Value) -> Option<&str> {
    match value {
        Value::String(path) => Some(path),
        Value::Object(conditions) => CONDITIONS
            .iter()
            .find_map(|condition| target(conditions.get(*condition)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use jelou_core::Limits;
    use jelou_core::source::Declared;

    use super::*;

    #[test]
    fn dependencies_of_the_workspace_are_its_files() {
        let files = [
            ("apps/api/index.ts", ""),
            (
                "apps/api/package.json",
                r#"{"dependencies": {"@shop/db": "workspace:*", "@shop/built": "^1.0.0", "hono": "^4"}}"#,
            ),
            (
                "packages/db/package.json",
                r##"{"name": "@shop/db", "exports": {".": {"types": "./none.d.ts", "import": "./src/db.ts"}, "./schema": "./src/schema.ts"},
                    "imports": {"#/*": "./src/*", "#conf": {"default": "./conf.js"}}, "dependencies": {"pg": "^8", "@shop/deep": "workspace:^"}}"##,
            ),
            ("packages/db/src/db.ts", ""),
            ("packages/db/src/schema.ts", ""),
            (
                "packages/built/package.json",
                r#"{"name": "@shop/built", "main": "dist/index.js"}"#,
            ),
            ("packages/built/src/index.ts", ""),
            ("packages/deep/package.json", r#"{"name": "@shop/deep"}"#),
            ("packages/deep/index.js", ""),
            ("packages/other/package.json", r#"{"name": "@shop/other"}"#),
            ("packages/other/index.ts", ""),
        ];
        let files = files.map(|(path, text)| SourceFile::new(path, text.to_owned()));
        let declared = Declared {
            entrypoint: Some("apps/api/index.ts"),
            ..Declared::default()
        };
        let limits = Limits::default().upload();
        let tree = SourceTree::new(files.to_vec(), declared, &limits).unwrap();
        let own = tree.file("apps/api/package.json").into_iter();
        let found = packages(&tree, own).unwrap();
        let expected = [
            ("@shop/built", "./src/packages/built/src/index.ts"),
            ("@shop/built/", "./src/packages/built/"),
            ("@shop/db", "./src/packages/db/src/db.ts"),
            ("@shop/db/", "./src/packages/db/"),
            ("@shop/db/schema", "./src/packages/db/src/schema.ts"),
            ("@shop/deep", "./src/packages/deep/index.js"),
            ("@shop/deep/", "./src/packages/deep/"),
            ("hono", "npm:hono@^4"),
        ];
        let imports: Vec<_> = found
            .imports
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        assert_eq!(imports, expected);
        let scope: Vec<_> = found.scopes["./src/packages/db/"].iter().collect();
        let scope: Vec<_> = scope
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        let expected = [
            ("#/", "./src/packages/db/src/"),
            ("#conf", "./src/packages/db/conf.js"),
            ("pg", "npm:pg@^8"),
        ];
        assert_eq!(scope, expected);
        assert!(!found.scopes.contains_key("./src/packages/other/"));
    }
}
