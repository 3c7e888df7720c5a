//! The configuration that a build runs with: of the upload's `deno.json`, only the imports that may be.

use std::collections::BTreeMap;

use jelou_core::SourceTree;
use serde::Deserialize;
use serde_json::{Value, json};

use super::BuildError;

/// Names that always mean the platform's own copy of the SDK.
const SDK: &str = "@jelou/functions";

#[derive(Deserialize, Default)]
struct UserConfig {
    #[serde(default)]
    imports: BTreeMap<String, String>,
}

/// The build's own configuration file, for a folder whose `src/` holds the upload.
pub(super) fn for_build(tree: &SourceTree) -> Result<Value, BuildError> {
    let user = match tree.files().iter().find(|file| file.path == "deno.json") {
        Some(file) => serde_json::from_str::<UserConfig>(&file.content)
            .map_err(|error| BuildError::Config(error.to_string()))?,
        None => UserConfig::default(),
    };
    let mut imports = BTreeMap::new();
    for (key, value) in user.imports {
        if is_sdk(&key) {
            continue;
        }
        let target = if value.starts_with("npm:") || value.starts_with("jsr:") {
            value
        } else if let Some(file) = value.strip_prefix("./").filter(|file| !climbs(file)) {
            format!("./src/{file}")
        } else {
            return Err(BuildError::Import { key, value });
        };
        imports.insert(key, target);
    }
    Ok(json!({ "imports": imports, "nodeModulesDir": "none" }))
}

fn climbs(path: &str) -> bool {
    path.split('/').any(|segment| segment == "..")
}

pub(super) fn is_sdk(specifier: &str) -> bool {
    let name = specifier.strip_prefix("jsr:").unwrap_or(specifier);
    name.strip_prefix(SDK)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('@') || rest.starts_with('/'))
}

/// Rewrites `jsr:@jelou/functions[@version][/testing]` to the bare name, which a worker resolves to its own copy.
pub(super) fn with_bare_sdk(source: &str) -> String {
    const REGISTRY_NAME: &str = "jsr:@jelou/functions";
    let mut result = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find(REGISTRY_NAME) {
        let (before, from_name) = rest.split_at(at);
        let after = &from_name[REGISTRY_NAME.len()..];
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
                result.push_str(REGISTRY_NAME);
                rest = after;
            }
        }
    }
    result.push_str(rest);
    result
}

/// What stands after the name and its version: nothing, or `/testing`.
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
    use jelou_core::SourceFile;

    fn config(deno_json: &str) -> Result<Value, BuildError> {
        let file = |path: &str, content: &str| SourceFile {
            path: path.to_owned(),
            content: content.to_owned(),
        };
        let files = vec![file("index.ts", ""), file("deno.json", deno_json)];
        for_build(&SourceTree::new(files, None).unwrap())
    }

    #[test]
    fn imports_of_packages_and_own_files_stay() {
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
            "https://a.b/c.ts",
        ] {
            let json = json!({"imports": {"x": bad}}).to_string();
            assert!(
                matches!(config(&json), Err(BuildError::Import { .. })),
                "{bad}"
            );
        }
        assert!(matches!(config("{"), Err(BuildError::Config(_))));
    }

    #[test]
    fn the_sdk_of_the_registry_becomes_the_platforms() {
        let source = "import { z } from \"jsr:@jelou/functions@^1.2\";\nimport t from 'jsr:@jelou/functions/testing';\n// jsr:@jelou/functions\nimport 'jsr:@jelou/functions-extra';";
        assert_eq!(
            with_bare_sdk(source),
            "import { z } from \"@jelou/functions\";\nimport t from '@jelou/functions/testing';\n// jsr:@jelou/functions\nimport 'jsr:@jelou/functions-extra';"
        );
    }
}
