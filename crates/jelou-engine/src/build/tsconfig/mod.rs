//! Reads `tsconfig.json`: the configurations that it extends, the options of JSX, and aliases.

mod aliases;

use jelou_core::{SourceFile, SourceTree};
use serde::Deserialize;
use serde_json::{Map, Value};

use self::aliases::{MAX_MATCHES, aliases};
use super::config::{PACKAGE_JSON, package_name};
use super::error::BuildError;
use super::user_config::{Imports, inside, parse};

/// The configuration of TypeScript's compiler.
pub(super) const TSCONFIG: &str = "tsconfig.json";
/// Maximum number of configurations that one configuration extends, directly or indirectly.
const MAX_EXTENDED: usize = 100;
/// TypeScript's own name for the file to whose folder `paths` are relative if there is no `baseUrl`.
const PATHS_BASE: &str = "pathsBasePath";
/// In a path of any configuration: the folder of the configuration that extends all others.
const CONFIG_FOLDER: &str = "${configDir}";

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    extends: Extends,
    #[serde(default)]
    compiler_options: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Extends {
    One(String),
    /// Later configurations have priority.
    Many(Vec<String>),
}

impl Default for Extends {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

/// The parts of a `package.json` by which a configuration in another package of the project is found.
#[derive(Deserialize, Default)]
struct Package {
    name: Option<String>,
    tsconfig: Option<String>,
}

/// The parts of a `tsconfig.json` that a build uses.
#[derive(Debug, Default)]
pub(super) struct Tsconfig {
    pub(super) imports: Imports,
    pub(super) compiler_options: Map<String, Value>,
    /// The file and those that it extends.
    pub(super) files: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Tsconfig {
    /// Reads the file, and all that it extends.
    ///
    /// # Errors
    ///
    /// [`BuildError::Config`], when a file cannot be parsed or extends itself.
    pub(super) fn of(tree: &SourceTree, file: &SourceFile) -> Result<Self, BuildError> {
        let mut reader = Reader {
            tree,
            first: &file.path,
            open: Vec::new(),
            extended: 0,
            files: Vec::new(),
            packages: Vec::new(),
            warnings: Vec::new(),
        };
        let mut options = reader.read(file)?;
        options.retain(|_, value| !value.is_null());
        if options.get("emitDecoratorMetadata") == Some(&Value::Bool(true)) {
            reader.warn_of_decorators();
        }
        let imports = aliases(tree, &file.path, &mut options).ok_or_else(|| BuildError::Config {
            file: file.path.clone(),
            reason: format!(
                "the patterns of `paths` match more than {MAX_MATCHES} names of files; write fewer patterns"
            ),
        })?;
        // With other values, TypeScript leaves JSX to another tool. There is no such tool here.
        match options.get("jsx").and_then(Value::as_str) {
            Some("react" | "react-jsx") => {}
            Some("react-jsxdev") => {
                options.insert("jsx".to_owned(), "react-jsx".into());
            }
            _ => {
                options.remove("jsx");
                reader.warn_of_packages();
            }
        }
        Ok(Self {
            imports,
            compiler_options: options,
            files: reader.files,
            warnings: reader.warnings,
        })
    }
}

struct Reader<'a> {
    tree: &'a SourceTree,
    /// The path of the configuration that extends all others.
    first: &'a str,
    /// The configurations that are being read. Each is extended by the previous one.
    open: Vec<String>,
    extended: usize,
    files: Vec<String>,
    /// The configurations of packages outside the project, with the files that extend them.
    packages: Vec<(String, String)>,
    warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    /// Returns the compiler options with those of the extended configurations. `baseUrl` becomes a folder of the upload.
    fn read(&mut self, file: &SourceFile) -> Result<Map<String, Value>, BuildError> {
        let invalid = |reason: String| BuildError::Config {
            file: file.path.clone(),
            reason,
        };
        if self.open.contains(&file.path) {
            let chain = self.open.join("` extends `");
            return Err(invalid(format!(
                "`extends` leads back to itself: `{chain}` extends `{}`",
                file.path
            )));
        }
        let document: Document = parse(file)?;
        self.files.push(file.path.clone());
        self.open.push(file.path.clone());
        let mut options = Map::new();
        let names = match document.extends {
            Extends::One(name) => vec![name],
            Extends::Many(names) => names,
        };
        self.extended += names.len();
        if self.extended > MAX_EXTENDED {
            return Err(invalid(format!(
                "`{}` extends more than {MAX_EXTENDED} configurations",
                self.first
            )));
        }
        for name in names {
            if let Some(extended) = self.find(file, &name) {
                options.extend(self.read(extended)?);
            }
        }
        self.open.pop();
        options.extend(self.own(file, document.compiler_options));
        Ok(options)
    }

    fn own(&self, file: &SourceFile, mut options: Map<String, Value>) -> Map<String, Value> {
        if let Some(Value::String(folder)) = options.get("baseUrl") {
            let folder = place(self.first, &file.path, folder).map(|path| as_folder(&path));
            options.insert("baseUrl".to_owned(), folder.into());
        }
        if options.contains_key("paths") {
            options.insert(PATHS_BASE.to_owned(), file.path.clone().into());
        }
        options
    }

    /// Returns the configuration that `extends` names in `file`, if it is a file of the project.
    fn find(&mut self, file: &SourceFile, name: &str) -> Option<&'a SourceFile> {
        let is_path = name.starts_with(['.', '/']);
        let found = if is_path {
            inside(&file.path, name).and_then(|path| self.with_extension(&path))
        } else {
            self.in_package(name)
        };
        if found.is_none() && is_path {
            self.warnings.push(format!(
                "`{}` extends `{name}`, which is not a file of the deployment: its options are not used. \
                 If it is in a folder above, deploy that folder and name the `entrypoint` in jelou.json",
                file.path
            ));
        } else if found.is_none() {
            self.packages.push((file.path.clone(), name.to_owned()));
        }
        found
    }

    fn with_extension(&self, path: &str) -> Option<&'a SourceFile> {
        let tree = self.tree;
        tree.file(path)
            .or_else(|| tree.file(&format!("{path}.json")))
    }

    /// Finds a configuration in another package of the project, as in a workspace.
    fn in_package(&self, name: &str) -> Option<&'a SourceFile> {
        let package = package_name(name);
        let rest = name[package.len()..].trim_start_matches('/');
        let tree = self.tree;
        tree.files().iter().find_map(|file| {
            let folder = file.path.strip_suffix(PACKAGE_JSON)?;
            let is_root = folder.is_empty() || folder.ends_with('/');
            let found: Package = is_root.then(|| parse(file).ok())??;
            if found.name.as_deref() != Some(package) {
                return None;
            }
            if !rest.is_empty() {
                let path = inside(folder, rest)?;
                return self
                    .with_extension(&path)
                    .or_else(|| tree.file(&format!("{path}/{TSCONFIG}")));
            }
            let named = found.tsconfig.and_then(|path| inside(folder, &path));
            self.with_extension(&named.unwrap_or_else(|| format!("{folder}{TSCONFIG}")))
        })
    }

    /// Warns if classes have decorators. The bundler does not write the types of their parameters.
    fn warn_of_decorators(&mut self) {
        let is_typescript = |path: &str| [".ts", ".tsx"].iter().any(|end| path.ends_with(end));
        let has_decorators = |file: &SourceFile| {
            let code = file.text().filter(|_| is_typescript(&file.path));
            code.is_some_and(|code| code.lines().any(|line| line.trim_start().starts_with('@')))
        };
        let is_source = is_typescript(self.tree.entrypoint());
        if is_source && self.tree.files().iter().any(has_decorators) {
            self.warnings.push(format!(
                "`{}` sets `emitDecoratorMetadata`, which only TypeScript's compiler writes: frameworks that inject by type, \
                 such as NestJS, do not find their services. Deploy the compiler's output: run `nest build` or `tsc`, and set \
                 \"entrypoint\": \"dist/main.js\" in jelou.json",
                self.first
            ));
        }
    }

    /// Warns if JSX is used and its options may be in a package, whose files are not part of a deployment.
    fn warn_of_packages(&mut self) {
        let has_jsx =
            |file: &SourceFile| [".tsx", ".jsx"].iter().any(|end| file.path.ends_with(end));
        if !self.tree.files().iter().any(has_jsx) {
            return;
        }
        let warnings = self.packages.iter().map(|(file, name)| {
            format!(
                "`{file}` extends `{name}` of a package, whose options are not used: set `jsx`, and `jsxImportSource` \
                 if it has one, in `{}` itself",
                self.first
            )
        });
        self.warnings.extend(warnings);
    }
}

/// Resolves a path in a configuration to a path in the upload. Returns `None` if it is outside.
fn place(first: &str, file: &str, path: &str) -> Option<String> {
    match path.strip_prefix(CONFIG_FOLDER) {
        Some(rest) => inside(first, rest.trim_start_matches('/')),
        None => inside(file, path),
    }
}

/// Returns the folder with `/` at its end; the root is empty.
fn as_folder(path: &str) -> String {
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        String::new()
    } else {
        format!("{path}/")
    }
}

#[cfg(test)]
mod tests {
    use jelou_core::Limits;
    use jelou_core::source::Declared;

    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<Tsconfig, BuildError> {
        let files = files.iter().chain(&[("index.ts", "")]);
        let files = files.map(|(path, content)| SourceFile::new(*path, (*content).to_owned()));
        let limits = Limits::default().upload();
        let tree = SourceTree::new(files.collect(), Declared::default(), &limits).unwrap();
        Tsconfig::of(&tree, tree.file(TSCONFIG).unwrap())
    }

    pub(super) fn imports(files: &[(&str, &str)]) -> Vec<(String, String)> {
        read(files).unwrap().imports.into_iter().collect()
    }

    pub(super) fn refused(files: &[(&str, &str)]) -> String {
        read(files).unwrap_err().to_string()
    }

    pub(super) fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = expected
            .iter()
            .map(|(alias, path)| ((*alias).to_owned(), format!("./src/{path}")));
        owned.collect()
    }

    /// The paths of each configuration are relative to its own folder. The nearest configuration that sets an option
    /// has priority.
    #[test]
    fn options_of_extended_configurations() {
        let base = r#"{ /* all */ "compilerOptions": { "jsx": "preserve", "jsxImportSource": "preact", "strict": true,
            "paths": { "@/*": ["../src/*"], }, }, }"#;
        let jsx = r#"{ "extends": "./base", "compilerOptions": { "jsx": "react-jsx" } } // second"#;
        let leaf = r#"{ "extends": ["./config/base.json", "./config/jsx"] }"#;
        let files = [
            ("config/base.json", base),
            ("config/jsx.json", jsx),
            ("tsconfig.json", leaf),
        ];
        let found = read(&files).unwrap();
        assert_eq!(
            found.files,
            [
                "tsconfig.json",
                "config/base.json",
                "config/jsx.json",
                "config/base.json"
            ]
        );
        assert_eq!(found.compiler_options["jsx"], "react-jsx");
        assert_eq!(found.compiler_options["jsxImportSource"], "preact");
        assert_eq!(
            found.imports.into_iter().collect::<Vec<_>>(),
            pairs(&[("@/", "src/")])
        );
        assert!(found.warnings.is_empty());

        // `paths` are replaced as a whole, and `null` removes an option.
        let own = r#"{ "extends": "./config/base", "compilerOptions": { "paths": { "~/*": ["./lib/*"] } } }"#;
        assert_eq!(
            imports(&[("config/base.json", base), ("tsconfig.json", own)]),
            pairs(&[("~/", "lib/")])
        );
        let none = r#"{ "extends": "./config/base", "compilerOptions": { "paths": null } }"#;
        assert!(imports(&[("config/base.json", base), ("tsconfig.json", none)]).is_empty());
    }

    #[test]
    fn paths_are_relative_to_an_inherited_base_url_or_the_first_folder() {
        let base = r#"{"compilerOptions": {"baseUrl": "../app/"}}"#;
        let own = r#"{"extends": "./config/base.json", "compilerOptions": {"paths": {"@/*": ["./lib/*"]}}}"#;
        assert_eq!(
            imports(&[("config/base.json", base), ("tsconfig.json", own)]),
            pairs(&[("@/", "app/lib/")])
        );
        let template = r#"{"compilerOptions": {"paths": {"@/*": ["${configDir}/lib/*"]}}}"#;
        let own = r#"{"extends": "./config/base.json"}"#;
        assert_eq!(
            imports(&[("config/base.json", template), ("tsconfig.json", own)]),
            pairs(&[("@/", "lib/")])
        );
    }

    #[test]
    fn configurations_of_packages() {
        let shared = r#"{"compilerOptions": {"jsx": "react-jsx", "jsxImportSource": "hono/jsx"}}"#;
        let named = r#"{"name": "@acme/config", "tsconfig": "base.json"}"#;
        for (extends, file) in [
            ("@acme/config", "packages/config/base.json"),
            ("@acme/config/base", "packages/config/base.json"),
            ("@acme/config/web", "packages/config/web/tsconfig.json"),
        ] {
            let leaf = format!(r#"{{"extends": "{extends}"}}"#);
            let files = [
                ("packages/config/package.json", named),
                (file, shared),
                ("tsconfig.json", leaf.as_str()),
            ];
            let found = read(&files).unwrap();
            assert_eq!(found.files, ["tsconfig.json", file], "{extends}");
            assert_eq!(found.compiler_options["jsxImportSource"], "hono/jsx");
        }
        // A configuration of a published package causes a warning only if JSX is used.
        let leaf = r#"{"extends": "@tsconfig/node20/tsconfig.json"}"#;
        let found = read(&[("tsconfig.json", leaf)]).unwrap();
        assert_eq!(found.warnings, [""; 0]);
        let found = read(&[("tsconfig.json", leaf), ("page.tsx", "")]).unwrap();
        assert!(
            found.warnings[0].contains("`@tsconfig/node20/tsconfig.json` of a package"),
            "{found:?}"
        );
    }

    #[test]
    fn errors_of_extended_configurations() {
        for outside in ["../base.json", "./none.json"] {
            let leaf = format!(r#"{{"extends": "{outside}"}}"#);
            let found = read(&[("tsconfig.json", &leaf)]).unwrap();
            assert!(
                found.warnings[0].contains(&format!("extends `{outside}`")),
                "{found:?}"
            );
        }
        let other = r#"{"extends": "./tsconfig.json"}"#;
        let text = refused(&[
            ("tsconfig.json", r#"{"extends": "./a"}"#),
            ("a.json", other),
        ]);
        assert!(
            text.contains("`tsconfig.json` extends `a.json` extends `tsconfig.json`"),
            "{text}"
        );
        // Each file doubles the number of configurations that are read.
        let doubled = (0..20).map(|n| {
            let next = n + 1;
            (
                format!("c{n}.json"),
                format!(r#"{{"extends": ["./c{next}", "./c{next}"]}}"#),
            )
        });
        let doubled: Vec<_> = doubled
            .chain([("c20.json".to_owned(), "{}".to_owned())])
            .collect();
        let mut files: Vec<(&str, &str)> = doubled
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        files.push(("tsconfig.json", r#"{"extends": "./c0"}"#));
        let text = refused(&files);
        assert!(text.contains("more than 100 configurations"), "{text}");
    }
}
