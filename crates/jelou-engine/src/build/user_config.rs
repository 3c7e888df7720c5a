//! Reads the upload's own configuration of imports and of the compiler: `deno.json`, import maps and `tsconfig.json`.

use std::collections::BTreeMap;

use jelou_core::{SourceFile, SourceTree};
use jsonc_parser::ParseOptions;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::config::{PACKAGE_JSON, is_sdk};
use super::error::BuildError;
use super::tsconfig::{TSCONFIG, Tsconfig};

/// Names of the configuration file in a folder, in Deno's search order. The last name is an import map without a
/// configuration file, as in projects of Supabase.
const FILES: [&str; 3] = ["deno.json", "deno.jsonc", "import_map.json"];
/// The schemes that a target of an import map may have. A target may also be a file of the project. A host that is not
/// allowed is an error only where it is imported, because a project may map modules that only its tests use.
const SCHEMES: [&str; 4] = ["npm:", "jsr:", "node:", "https:"];

pub(super) type Imports = BTreeMap<String, String>;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    imports: Imports,
    #[serde(default)]
    scopes: BTreeMap<String, Imports>,
    #[serde(default)]
    compiler_options: Map<String, Value>,
    /// The path of a separate import map.
    import_map: Option<String>,
}

/// The parts of the configuration that a build uses. Paths are relative to the folder of the build, whose `src/`
/// contains the upload.
#[derive(Debug, Default)]
pub(super) struct UserConfig {
    pub(super) imports: Imports,
    pub(super) scopes: BTreeMap<String, Imports>,
    pub(super) compiler_options: Map<String, Value>,
    /// The configuration files of the upload.
    pub(super) files: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl UserConfig {
    /// Reads the configuration of the entrypoint's folder and of the folders above it. The nearest has priority.
    ///
    /// # Errors
    ///
    /// [`BuildError::Config`] or [`BuildError::Import`].
    pub(super) fn of(tree: &SourceTree) -> Result<Self, BuildError> {
        let mut config = Self::default();
        for folder in folders(tree.entrypoint()) {
            let package = format!("{folder}{PACKAGE_JSON}");
            config
                .files
                .extend(tree.file(&package).map(|file| file.path.clone()));
            let mut names = FILES.iter().map(|name| format!("{folder}{name}"));
            if let Some(file) = names.find_map(|path| tree.file(&path)) {
                config.add(tree, file)?;
            } else if let Some(file) = tree.file(&format!("{folder}{TSCONFIG}")) {
                config.add_tsconfig(Tsconfig::of(tree, file)?);
            }
        }
        Ok(config)
    }

    fn add(&mut self, tree: &SourceTree, file: &SourceFile) -> Result<(), BuildError> {
        let document: Document = parse(file)?;
        self.files.push(file.path.clone());
        self.compiler_options.extend(document.compiler_options);
        if let Some(map) = document.import_map {
            let named = inside(&file.path, &map).and_then(|path| tree.file(&path));
            let map_file = named.ok_or_else(|| BuildError::Config {
                file: file.path.clone(),
                reason: format!("`importMap` is `{map}`, which is not a file of the project"),
            })?;
            let map: Document = parse(map_file)?;
            self.files.push(map_file.path.clone());
            self.add_imports(map_file, map.imports, map.scopes)?;
        }
        self.add_imports(file, document.imports, document.scopes)
    }

    fn add_tsconfig(&mut self, tsconfig: Tsconfig) {
        self.imports.extend(tsconfig.imports);
        self.compiler_options.extend(tsconfig.compiler_options);
        self.files.extend(tsconfig.files);
        self.warnings.extend(tsconfig.warnings);
    }

    fn add_imports(
        &mut self,
        file: &SourceFile,
        imports: Imports,
        scopes: BTreeMap<String, Imports>,
    ) -> Result<(), BuildError> {
        self.imports.extend(mapped(file, imports)?);
        for (scope, imports) in scopes {
            let scope = target(file, &scope).unwrap_or(scope);
            let imports = mapped(file, imports)?;
            self.scopes.entry(scope).or_default().extend(imports);
        }
        Ok(())
    }
}

/// Returns the folders from the root to the entrypoint's folder. Each ends with `/`; the root is empty.
pub(super) fn folders(entrypoint: &str) -> impl Iterator<Item = &str> {
    let ends = entrypoint.match_indices('/').map(|(at, _)| at + 1);
    std::iter::once(0).chain(ends).map(|end| &entrypoint[..end])
}

fn mapped(file: &SourceFile, imports: Imports) -> Result<Imports, BuildError> {
    let others = imports.into_iter().filter(|(key, _)| !is_sdk(key));
    others
        .map(|(key, value)| match target(file, &value) {
            Some(target) => Ok((key, target)),
            None => Err(BuildError::Import {
                file: file.path.clone(),
                key,
                value,
            }),
        })
        .collect()
}

/// Returns the target of an import for the build, or `None` if the target is not allowed.
fn target(file: &SourceFile, value: &str) -> Option<String> {
    if SCHEMES.iter().any(|scheme| value.starts_with(scheme)) {
        return Some(value.to_owned());
    }
    let is_path = value.starts_with("./") || value.starts_with("../");
    let path = is_path.then(|| inside(&file.path, value))??;
    Some(format!("./src/{path}"))
}

/// Resolves `relative` against the folder of the file `from`, or against `from` itself if it ends with `/`. Returns
/// `None` if the result is outside the upload.
pub(super) fn inside(from: &str, relative: &str) -> Option<String> {
    let mut segments: Vec<&str> = from.split('/').collect();
    segments.pop();
    let mut parts = relative.split('/').peekable();
    while let Some(part) = parts.next() {
        match part {
            "." => {}
            // An empty part at the end is kept: the path then means a folder.
            "" if parts.peek().is_some() => {}
            ".." => {
                segments.pop()?;
            }
            name => segments.push(name),
        }
    }
    Some(segments.join("/"))
}

/// Parses a configuration file: JSON with comments, trailing commas and an optional byte order mark.
pub(super) fn parse<T: DeserializeOwned + Default>(file: &SourceFile) -> Result<T, BuildError> {
    let invalid = |reason: String| BuildError::Config {
        file: file.path.clone(),
        reason,
    };
    let text = file
        .text()
        .ok_or_else(|| invalid("it is not UTF-8 text".to_owned()))?
        .trim_start_matches('\u{feff}');
    jsonc_parser::parse_to_serde_value::<Option<T>>(text, &ParseOptions::default())
        .map(Option::unwrap_or_default)
        .map_err(|error| invalid(error.to_string()))
}

#[cfg(test)]
mod tests {
    use jelou_core::Limits;
    use jelou_core::source::Declared;

    use super::*;

    fn config(entrypoint: &str, files: &[(&str, &str)]) -> Result<UserConfig, BuildError> {
        let entry = [(entrypoint, "")];
        let files = files.iter().chain(&entry);
        let files = files.map(|(path, content)| SourceFile::new(*path, (*content).to_owned()));
        let declared = Declared {
            entrypoint: Some(entrypoint),
            ..Declared::default()
        };
        let limits = Limits::default().upload();
        UserConfig::of(&SourceTree::new(files.collect(), declared, &limits).unwrap())
    }

    #[test]
    fn the_nearest_configuration_has_priority() {
        let files = [
            (
                "deno.json",
                r#"{"imports": {"a": "npm:a@1", "b": "./lib/b.ts"}}"#,
            ),
            (
                "functions/hello/deno.jsonc",
                r#"{"imports": {"a": "npm:a@2", "shared/": "../_shared/"}} // nearest"#,
            ),
            (
                "functions/other/deno.json",
                r#"{"imports": {"c": "npm:c@1"}}"#,
            ),
        ];
        let found = config("functions/hello/index.ts", &files).unwrap();
        let imports: Vec<_> = found.imports.into_iter().collect();
        let expected = [
            ("a", "npm:a@2"),
            ("b", "./src/lib/b.ts"),
            ("shared/", "./src/functions/_shared/"),
        ];
        assert_eq!(
            imports,
            expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
        assert_eq!(found.files, ["deno.json", "functions/hello/deno.jsonc"]);
    }

    #[test]
    fn an_import_map_may_be_a_separate_file() {
        let map = r#"{"imports": {"std/": "https://deno.land/std@0.224.0/"}, "scopes": {"./x/": {"y": "./z.ts"}}}"#;
        let named = r#"{"importMap": "../maps/map.json"}"#;
        let found = config(
            "f/index.ts",
            &[("f/deno.json", named), ("maps/map.json", map)],
        )
        .unwrap();
        assert_eq!(found.imports["std/"], "https://deno.land/std@0.224.0/");
        assert_eq!(found.scopes["./src/maps/x/"]["y"], "./src/maps/z.ts");
        let alone = config(
            "functions/a/index.ts",
            &[("functions/import_map.json", map)],
        );
        assert!(alone.unwrap().imports.contains_key("std/"));
        let missing = config(
            "index.ts",
            &[("deno.json", r#"{"importMap": "none.json"}"#)],
        );
        assert!(matches!(missing, Err(BuildError::Config { .. })));
    }

    #[test]
    fn tsconfig_is_used_only_without_deno_json() {
        let tsconfig = r#"{"compilerOptions": {"jsx": "react-jsxdev", "jsxImportSource": "hono/jsx", "baseUrl": "./app",
            "paths": {"@/*": ["./lib/*"], "~config": ["config.ts"], "*": ["./types/*"], "out/*": ["../../x/*"],}}} // comment"#;
        let found = config("src/index.tsx", &[("tsconfig.json", tsconfig)]).unwrap();
        let imports: Vec<_> = found.imports.into_iter().collect();
        let expected = [("@/", "./src/app/lib/"), ("~config", "./src/app/config.ts")];
        assert_eq!(
            imports,
            expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
        assert_eq!(found.compiler_options["jsx"], "react-jsx");
        let files = [("tsconfig.json", tsconfig), ("deno.json", "{}")];
        assert!(config("index.ts", &files).unwrap().imports.is_empty());
    }

    #[test]
    fn targets_outside_the_upload_are_refused() {
        for bad in [
            "../x.ts",
            "./a/../../x.ts",
            "/etc/passwd",
            "http://a.b/c.ts",
        ] {
            let text = serde_json::json!({ "imports": { "x": bad } }).to_string();
            let refused = config("index.ts", &[("deno.json", &text)]);
            assert!(matches!(refused, Err(BuildError::Import { .. })), "{bad}");
        }
    }
}
