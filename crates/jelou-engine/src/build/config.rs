//! The Deno configuration of a build, with only the allowed parts of the upload's configuration.

use std::collections::BTreeMap;

use jelou_core::{SourceFile, SourceTree};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::error::BuildError;
use super::members;
use super::remote::Rules;
use super::user_config::{self, UserConfig};

/// The import name of the SDK. This name and its subpaths always mean the platform's own copy.
const SDK: &str = "@jelou/functions";
/// Schemes of specifiers with which a module may also import the SDK.
const REGISTRIES: [&str; 2] = ["jsr:", "npm:"];

/// The configuration of a Node project.
pub(super) const PACKAGE_JSON: &str = "package.json";

/// The compiler options that change the behaviour of code. Deno and the bundler use the same names.
const COMPILER_OPTIONS: [&str; 5] = [
    "jsx",
    "jsxImportSource",
    "jsxFactory",
    "jsxFragmentFactory",
    "experimentalDecorators",
];

/// The parts of a `package.json` that name packages.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct UserPackage {
    #[serde(default)]
    dependencies: BTreeMap<String, String>,
    #[serde(default)]
    dev_dependencies: BTreeMap<String, String>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, String>,
    /// Names that begin with `#`, for files of the package.
    #[serde(default)]
    imports: BTreeMap<String, Value>,
}

/// Returns the configuration file of the build, for a folder whose `src/` contains the upload.
pub(super) fn for_build(tree: &SourceTree) -> Result<Value, BuildError> {
    let folders = user_config::folders(tree.entrypoint());
    let own = folders.filter_map(|folder| tree.file(&format!("{folder}{PACKAGE_JSON}")));
    let members::Packages {
        mut imports,
        mut scopes,
    } = members::packages(tree, own)?;
    let user = UserConfig::of(tree)?;
    imports.extend(user.imports);
    scopes.extend(user.scopes);
    let mut compiler = Map::new();
    for (name, value) in user.compiler_options {
        if COMPILER_OPTIONS.contains(&name.as_str()) {
            // The bundler does not support `precompile`. `react-jsx` creates the same elements.
            let value = if value == "precompile" {
                json!("react-jsx")
            } else {
                value
            };
            compiler.insert(name, value);
        }
    }
    Ok(json!({
        "imports": imports,
        "scopes": scopes,
        "compilerOptions": compiler,
        "nodeModulesDir": "none",
        // Allows imports of text and bytes, and imports without an extension, which bundlers also allow.
        "unstable": ["raw-imports", "sloppy-imports"],
    }))
}

/// The packages that a `package.json` names.
pub(super) struct Named {
    /// All names.
    pub(super) names: Vec<String>,
    /// The packages of the registry, as imports, and the files under the names of `imports`. Packages from a folder or a
    /// repository are left out.
    pub(super) imports: BTreeMap<String, String>,
}

pub(super) fn packages_in(file: &SourceFile) -> Result<Named, BuildError> {
    let package: UserPackage = json(&file.path, file.text().unwrap_or_default())?;
    let all: BTreeMap<_, _> = package
        .dev_dependencies
        .into_iter()
        .chain(package.optional_dependencies)
        .chain(package.dependencies)
        .filter(|(name, _)| !is_sdk(name))
        .collect();
    let own = package.imports.iter().filter_map(|(name, target)| {
        // Both have a `*` at the end, or neither.
        let path = members::target(target)?;
        let (name, path) = match (name.strip_suffix("/*"), path.strip_suffix("/*")) {
            (Some(name), Some(path)) => (format!("{name}/"), format!("{path}/")),
            (None, None) => (name.clone(), path.to_owned()),
            _ => return None,
        };
        let path = user_config::inside(&file.path, path.strip_prefix("./")?)?;
        (name.starts_with('#') && !path.contains('*')).then(|| (name, format!("./src/{path}")))
    });
    let of_registry = all.iter().filter_map(|(name, range)| {
        let target = match range.strip_prefix("npm:") {
            Some(other) => other.to_owned(),
            None if range.contains([':', '/']) => return None,
            None if range.trim().is_empty() => name.clone(),
            None => format!("{name}@{}", range.trim()),
        };
        Some((name.clone(), format!("npm:{target}")))
    });
    Ok(Named {
        imports: own.chain(of_registry).collect(),
        names: all.keys().cloned().collect(),
    })
}

/// Returns the `package.json` for a build. Without a type, files are ES modules, as in Deno. If the entrypoint is
/// `CommonJS`, the bundler decides for each file by its syntax.
pub(super) fn with_type(tree: &SourceTree, package_json: &str) -> String {
    let text = package_json.trim_start_matches('\u{feff}');
    let entrypoint = tree.file(tree.entrypoint()).and_then(SourceFile::text);
    if entrypoint.is_some_and(|code| is_commonjs(tree.entrypoint(), code)) {
        return text.to_owned();
    }
    match serde_json::from_str::<Map<String, Value>>(text) {
        Ok(mut package) => {
            package.entry("type").or_insert_with(|| json!("module"));
            Value::from(package).to_string()
        }
        Err(_) => package_json.to_owned(),
    }
}

/// Whether the file is a script of Node with `require` or `module.exports`, and without statements of ES modules.
fn is_commonjs(path: &str, code: &str) -> bool {
    let is_script = [".js", ".cjs"].iter().any(|ending| path.ends_with(ending));
    let is_statement = |line: &str| {
        ["import ", "import{", "import\"", "import'", "export "]
            .iter()
            .any(|start| line.starts_with(start))
    };
    let uses_node = |line: &str| {
        line.starts_with("module.exports")
            || line.starts_with("exports.")
            || line.contains("require(") && !line.starts_with(['/', '*'])
    };
    is_script && code.lines().map(str::trim_start).any(uses_node) && !code.lines().any(is_statement)
}

/// Returns Deno's lock file with only the packages and remote modules, because a build has its own configuration.
pub(super) fn lock_for_build(text: &str, remote: Rules<'_>) -> Result<String, BuildError> {
    let lock: Map<String, Value> = json(super::lock::DENO_LOCK, text)?;
    let kept = lock.into_iter().filter(|(key, _)| match key.as_str() {
        "version" | "specifiers" | "npm" | "packages" => true,
        "jsr" | "remote" | "redirects" => !remote.are_off(),
        _ => false,
    });
    Ok(Value::Object(kept.collect()).to_string())
}

/// Returns the name of the package in `name/path` or `@scope/name/path`.
pub(super) fn package_name(specifier: &str) -> &str {
    let segments = if specifier.starts_with('@') { 2 } else { 1 };
    let end = specifier
        .match_indices('/')
        .nth(segments - 1)
        .map_or(specifier.len(), |(position, _)| position);
    &specifier[..end]
}

/// Parses a JSON file of the upload, which may begin with a byte order mark.
///
/// # Errors
///
/// [`BuildError::Config`].
pub(super) fn json<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, BuildError> {
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| BuildError::Config {
        file: file.to_owned(),
        reason: error.to_string(),
    })
}

pub(super) fn is_sdk(specifier: &str) -> bool {
    let name = REGISTRIES
        .iter()
        .find_map(|registry| specifier.strip_prefix(registry))
        .unwrap_or(specifier);
    // Deno also accepts `npm:/@jelou/functions`.
    let name = name.strip_prefix('/').unwrap_or(name);
    name.strip_prefix(SDK)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('@') || rest.starts_with('/'))
}

/// Rewrites `jsr:` and `npm:` specifiers of the SDK, with or without a version, to the bare name. A worker resolves
/// this name to its own copy.
pub(super) fn with_bare_sdk(source: &str) -> String {
    let mut result = source.to_owned();
    for registry in REGISTRIES {
        for slash in ["", "/"] {
            let name = format!("{registry}{slash}{SDK}");
            if result.contains(&name) {
                result = with_bare_name(&result, &name);
            }
        }
    }
    result
}

/// Replaces `import.meta.main` by `true` in the entrypoint, because the bundle is not the main module of a worker. The
/// length of the text does not change, so positions in the source map remain right.
pub(super) fn as_main_module(source: &str) -> String {
    source.replace("import.meta.main", "(true/* main */)")
}

/// Replaces quoted specifiers that begin with `name` by the name of the SDK without registry and version.
fn with_bare_name(source: &str, name: &str) -> String {
    let mut result = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find(name) {
        let (before, from_name) = rest.split_at(at);
        let after = &from_name[name.len()..];
        let end = after.find(['"', '\'', '`', '\n']).unwrap_or(after.len());
        let quoted = before.ends_with(['"', '\'', '`']);
        result.push_str(before);
        match bare_suffix(&after[..end]).filter(|_| quoted) {
            Some(suffix) => {
                result.push_str(SDK);
                result.push_str(suffix);
                rest = &after[end..];
            }
            None => {
                result.push_str(name);
                rest = after;
            }
        }
    }
    result.push_str(rest);
    result
}

/// Returns the path after the name and the version: empty, or `/testing`. Returns `None` for any other path.
fn bare_suffix(after_name: &str) -> Option<&str> {
    let suffix = match after_name.strip_prefix('@') {
        Some(versioned) => &versioned[versioned.find('/').unwrap_or(versioned.len())..],
        None => after_name,
    };
    matches!(suffix, "" | "/testing").then_some(suffix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jelou_core::source::Declared;

    fn tree(files: Vec<SourceFile>) -> SourceTree {
        let limits = jelou_core::Limits::default().upload();
        SourceTree::new(files, Declared::default(), &limits).unwrap()
    }

    fn config(deno_json: &str) -> Result<Value, BuildError> {
        let file = |path: &str, content: &str| SourceFile::new(path, content.to_owned());
        let files = vec![file("index.ts", ""), file("deno.json", deno_json)];
        for_build(&tree(files))
    }

    #[test]
    fn imports_of_packages_and_project_files_are_allowed() {
        let made = config(
            r#"{"imports":{"dayjs":"npm:dayjs@1","lib/":"./lib/","@jelou/functions":"jsr:@jelou/functions@1"}}"#,
        )
        .unwrap();
        assert_eq!(
            made["imports"],
            json!({"dayjs":"npm:dayjs@1","lib/":"./src/lib/"})
        );
    }

    #[test]
    fn imports_that_leave_the_upload_are_refused() {
        for bad in [
            "/etc/passwd",
            "file:///etc/passwd",
            "../x.ts",
            "./a/../../x.ts",
            "http://a.b/c.ts",
        ] {
            let json = json!({"imports": {"x": bad}}).to_string();
            assert!(
                matches!(config(&json), Err(BuildError::Import { .. })),
                "{bad}"
            );
        }
        let error = config("{\n  \"imports\": [}").unwrap_err();
        assert!(
            matches!(&error, BuildError::Config { file, reason } if file == "deno.json" && reason.contains("line 2")),
            "{error}"
        );
    }

    #[test]
    fn the_configuration_is_read_as_deno_reads_it() {
        for text in [
            "// packages\n{\"imports\": {\"dayjs\": \"npm:dayjs@1\"}}",
            "{\"imports\": {\"dayjs\": \"npm:dayjs@1\",},}",
            "{/* a */ \"imports\": {\"dayjs\": \"npm:dayjs@1\" /* b */}}",
            "\u{feff}{\"imports\": {\"dayjs\": \"npm:dayjs@1\"}}",
            "\u{feff}{\r\n\"imports\": {\"dayjs\": \"npm:dayjs@1\"}\r\n}\r\n",
        ] {
            let made = config(text).unwrap();
            assert_eq!(made["imports"], json!({"dayjs":"npm:dayjs@1"}), "{text:?}");
        }
        for empty in ["", " \n", "{}", "{\"tasks\": {}}"] {
            assert_eq!(config(empty).unwrap()["imports"], json!({}), "{empty:?}");
        }
    }

    #[test]
    fn deno_json_has_priority_over_deno_jsonc() {
        let file = |path: &str, content: &str| SourceFile::new(path, content.to_owned());
        let imports = |files: Vec<SourceFile>| for_build(&tree(files)).unwrap()["imports"].clone();
        let jsonc = file("deno.jsonc", "{\"imports\": {\"b\": \"npm:b@1\"}} // b");
        assert_eq!(
            imports(vec![file("index.ts", ""), jsonc.clone()]),
            json!({"b":"npm:b@1"})
        );
        let json = file("deno.json", "{\"imports\": {\"a\": \"npm:a@1\"}}");
        assert_eq!(
            imports(vec![file("index.ts", ""), jsonc, json]),
            json!({"a":"npm:a@1"})
        );
    }

    #[test]
    fn modules_of_node_may_have_another_name() {
        let made = config(r#"{"imports":{"crypto":"node:crypto"}}"#).unwrap();
        assert_eq!(made["imports"], json!({"crypto":"node:crypto"}));
    }

    #[test]
    fn imports_of_the_published_sdk_use_the_platforms_copy() {
        for (before, after) in [
            (
                "import 'npm:@jelou/functions@0.7';",
                "import '@jelou/functions';",
            ),
            (
                "import 'npm:/@jelou/functions@^1/testing'",
                "import '@jelou/functions/testing'",
            ),
            (
                "import 'npm:@jelou/functions-x'",
                "import 'npm:@jelou/functions-x'",
            ),
        ] {
            assert_eq!(with_bare_sdk(before), after);
            assert_eq!(is_sdk(before.split('\'').nth(1).unwrap()), before != after);
        }
        let source = "import { z } from \"jsr:@jelou/functions@^1.2\";\nimport t from 'jsr:@jelou/functions/testing';\n// jsr:@jelou/functions\nimport 'jsr:@jelou/functions-extra';";
        assert_eq!(
            with_bare_sdk(source),
            "import { z } from \"@jelou/functions\";\nimport t from '@jelou/functions/testing';\n// jsr:@jelou/functions\nimport 'jsr:@jelou/functions-extra';"
        );
    }
}
