//! Resolves the imports of an upload before bundling: every local module must be a file of the upload.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Output;

use jelou_core::SourceTree;
use jelou_core::source::is_module;
use serde::Deserialize;

use super::error::BuildError;
use super::lock::{DENO_LOCK, Lock};
use super::packages::{self, Packages};
use super::remote::{self, RemoteModule, RemoteModules, Rules};
use super::tools::Tools;
use super::workspace::Workspace;
use super::{command, config, deno_errors, encoding, near_miss, refresh, remote_imports};
use crate::worker::EngineStage;
use jelou_sandbox::Purpose;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Graph {
    #[serde(default)]
    pub(super) modules: Vec<Module>,
    #[serde(default)]
    npm_packages: Packages,
    /// The target of each redirected specifier.
    #[serde(default)]
    redirects: HashMap<String, String>,
}

/// The imports of the upload, as Deno resolves them.
#[derive(Debug)]
pub(super) struct Resolved {
    /// The target of each import. The key is the importer (a path in the upload, or a URL) and the specifier.
    pub(super) imports: HashMap<(String, String), Target>,
    /// The files of the upload that the entrypoint reaches.
    pub(super) files: BTreeSet<String>,
    pub(super) packages: Packages,
    pub(super) remote: RemoteModules,
    /// The URLs that answer with a redirect. Their cached files are stored together with the modules.
    pub(super) redirects: Vec<String>,
    pub(super) lock: Lock,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A package, and the path in the package, which begins with `/` or is empty.
    Package { id: String, path: String },
    /// A file of the upload.
    File(String),
    /// The specifier of a built-in module of Node, with `node:`.
    Builtin(String),
    /// The URL of a remote module.
    Remote(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Module {
    pub(super) specifier: String,
    npm_package: Option<String>,
    /// The file of the module on this machine.
    local: Option<PathBuf>,
    media_type: Option<String>,
    pub(super) error: Option<String>,
    #[serde(default)]
    dependencies: Vec<Dependency>,
    #[serde(rename = "typesDependency")]
    types: Option<TypesDependency>,
}

/// The type declarations of a module, if the module itself names their file.
#[derive(Deserialize)]
struct TypesDependency {
    specifier: String,
    dependency: Option<Resolution>,
}

#[derive(Deserialize)]
pub(super) struct Dependency {
    specifier: String,
    code: Option<Resolution>,
    r#type: Option<Resolution>,
    /// Whether the import is dynamic (`import()`).
    #[serde(default, rename = "isDynamic")]
    is_dynamic: bool,
}

#[derive(Deserialize)]
pub(super) struct Resolution {
    pub(super) specifier: Option<String>,
    /// Why the import was not resolved.
    error: Option<String>,
    span: Option<Span>,
}

#[derive(Deserialize)]
struct Span {
    start: Position,
}

/// A position in a file. Both numbers count from 0.
#[derive(Deserialize)]
struct Position {
    line: u32,
    character: u32,
}

/// Resolves and checks every import, and downloads packages and remote modules.
///
/// # Errors
///
/// All problems: first those of imports, then the syntax errors of modules.
pub(super) async fn resolve(
    tools: &Tools,
    workspace: &Workspace,
    tree: &SourceTree,
) -> Result<Resolved, BuildError> {
    let own_lock = workspace.lock_for_build(tools).await?;
    // In development, cached versions are good enough, and need no network.
    let wants_newest = tools.launcher.stage == EngineStage::Production;
    let output = match &own_lock {
        None => {
            if wants_newest && workspace.uses_packages() {
                // Otherwise, Deno would use the lists of versions that an earlier build cached.
                refresh::forget_versions(&tools.cache.packages())?;
            }
            info(tools, workspace).await?
        }
        Some(lock) => {
            workspace.write_lock(tools, DENO_LOCK, lock)?;
            let output = info(tools, workspace).await?;
            if wants_newest
                && Lock::read(&workspace.lock())?.extends(&Lock::parse(DENO_LOCK, lock)?)
            {
                refresh::forget_versions(&tools.cache.packages())?;
                workspace.write_lock(tools, DENO_LOCK, lock)?;
                info(tools, workspace).await?
            } else {
                output
            }
        }
    };
    let graph: Graph = serde_json::from_slice(&output.stdout).map_err(|_| {
        let text = String::from_utf8_lossy(&output.stderr);
        match (remote::changed_module(&text), workspace.own_lock()) {
            (Some(module), Some(lock)) => BuildError::RemoteIntegrity {
                module,
                lock: lock.to_owned(),
            },
            _ => BuildError::Source(workspace.readable(&text).trim().to_owned()),
        }
    })?;
    BuildError::check(problems(tools, workspace, &graph, tree))?;
    let remote = remote_modules(&graph);
    remote::check_limits(&remote, &tools.launcher.limits)?;
    let lock = Lock::read(&workspace.lock())?;
    let roots: Vec<String> = graph
        .modules
        .iter()
        .filter_map(|module| module.npm_package.clone())
        .collect();
    if let Some((file, text)) = workspace.own_lock_text() {
        lock.check_against(file, text)?;
        remote::check_against(&remote, file, text)?;
    }
    tools
        .integrity
        .check(&lock, &roots, &graph.npm_packages, workspace.own_lock())?;
    if workspace.has_users() {
        packages::make_readable(&graph.npm_packages, &tools.cache.packages())?;
    }
    Ok(Resolved {
        files: reached(workspace, &graph),
        imports: targets(workspace, &graph),
        redirects: graph.redirects.into_keys().collect(),
        packages: graph.npm_packages,
        remote,
        lock,
    })
}

async fn info(tools: &Tools, workspace: &Workspace) -> Result<Output, BuildError> {
    let mut tool = command::tool(tools, workspace, Purpose::Fetch);
    let mut lock = OsString::from("--lock=");
    lock.push(workspace.lock());
    tool.args(["info", "--json"])
        .arg(Rules::of(&tools.network).option())
        .arg(lock)
        .arg("--config")
        .arg(workspace.config())
        .arg(workspace.entrypoint());
    command::run(tools, workspace, Purpose::Fetch, tool).await
}

/// Returns all problems of the imports, then the errors of modules. Omits errors in local files outside the upload,
/// because such an error may quote the file.
fn problems(
    tools: &Tools,
    workspace: &Workspace,
    graph: &Graph,
    tree: &SourceTree,
) -> Vec<BuildError> {
    let remote = remote_imports::problems(Rules::of(&tools.network), workspace, graph);
    let wrong_imports = imports(graph).filter_map(|import| {
        check_target(workspace, &import)
            .and_then(|()| check_resolved(workspace, &import, graph))
            .err()
    });
    let wrong_encodings = graph
        .modules
        .iter()
        .filter_map(|module| tree.file(&workspace.file_of(&module.specifier)?))
        .filter(|file| is_module(&file.path))
        .filter_map(|file| encoding::check(file).err());
    let mut problems: Vec<BuildError> =
        wrong_imports.chain(remote).chain(wrong_encodings).collect();
    // Errors of remote modules are reported at their imports.
    let is_own = |module: &&Module| {
        let is_file = module.specifier.starts_with("file:");
        !is_remote(&module.specifier) && !is_file || workspace.file_of(&module.specifier).is_some()
    };
    let errors = graph
        .modules
        .iter()
        .filter(is_own)
        .filter_map(|module| module.error.as_deref());
    if problems.is_empty() {
        problems.extend(errors.map(|error| source_error(workspace, error)));
    } else {
        // Missing files and remote modules were already reported.
        let others = graph.modules.iter().filter(|module| {
            workspace.file_of(&module.specifier).is_some() || module.specifier.starts_with("npm:")
        });
        let errors = others.filter_map(|module| module.error.as_deref());
        let errors = errors.filter(|error| {
            !deno_errors::names_no_file(error) && !deno_errors::lacks_json_type(error)
        });
        problems.extend(errors.map(|error| source_error(workspace, error)));
    }
    problems
}

fn source_error(workspace: &Workspace, error: &str) -> BuildError {
    BuildError::Source(workspace.readable(error).trim().to_owned())
}

/// Returns the files of the upload that are modules of the graph, or that a module imports as text or bytes.
fn reached(workspace: &Workspace, graph: &Graph) -> BTreeSet<String> {
    let modules = graph.modules.iter().map(|module| module.specifier.as_str());
    let targets = imports(graph).filter_map(|import| import.target.specifier.as_deref());
    modules
        .chain(targets)
        .filter_map(|url| workspace.file_of(url))
        .collect()
}

/// Returns the targets of the imports in the upload and in remote modules.
fn targets(workspace: &Workspace, graph: &Graph) -> HashMap<(String, String), Target> {
    let packages: BTreeMap<&str, &str> = graph
        .modules
        .iter()
        .filter_map(|module| Some((module.specifier.as_str(), module.npm_package.as_deref()?)))
        .collect();
    let mut targets = HashMap::new();
    for module in &graph.modules {
        let importer = match workspace.file_of(&module.specifier) {
            Some(importer) => importer,
            None if is_remote(&module.specifier) => module.specifier.clone(),
            None => continue,
        };
        for dependency in &module.dependencies {
            let code = dependency.code.as_ref();
            let Some(url) = code.and_then(|code| code.specifier.as_deref()) else {
                continue;
            };
            let url = redirected(graph, url);
            let target = if let Some(file) = workspace.file_of(url) {
                Target::File(file)
            } else if url.starts_with("node:") {
                Target::Builtin(url.to_owned())
            } else if is_remote(url) {
                Target::Remote(url.to_owned())
            } else if let (Some(id), Some(path)) = (packages.get(url), path_in_package(url)) {
                Target::Package {
                    id: (*id).to_owned(),
                    path: path.to_owned(),
                }
            } else {
                continue;
            };
            let key = (importer.clone(), dependency.specifier.clone());
            targets.insert(key, target);
        }
    }
    targets
}

/// Returns the remote modules that were downloaded.
fn remote_modules(graph: &Graph) -> RemoteModules {
    let all = graph.modules.iter();
    all.filter(|module| is_remote(&module.specifier))
        .filter_map(|module| {
            let remote = RemoteModule {
                file: module.local.clone()?,
                media: module.media_type.clone(),
            };
            Some((module.specifier.clone(), remote))
        })
        .collect()
}

pub(super) fn is_remote(url: &str) -> bool {
    ["https:", "http:", "jsr:"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
}

/// Maximum number of redirects that are followed from one specifier.
const MAX_REDIRECTS: usize = 10;

pub(super) fn redirected<'a>(graph: &'a Graph, mut url: &'a str) -> &'a str {
    for _ in 0..MAX_REDIRECTS {
        match graph.redirects.get(url) {
            Some(next) => url = next,
            None => break,
        }
    }
    url
}

/// Returns the path after the version in `npm:/name@version/path`.
fn path_in_package(url: &str) -> Option<&str> {
    let name = url.strip_prefix("npm:")?;
    let name = name.strip_prefix('/').unwrap_or(name);
    name.strip_prefix(config::package_name(name))
}

pub(super) struct Import<'a> {
    pub(super) importer: &'a Module,
    specifier: &'a str,
    /// `None` if a module imports its own type declarations.
    dependency: Option<&'a Dependency>,
    pub(super) target: &'a Resolution,
}

impl Import<'_> {
    /// Returns the file, the line and the column. Line and column count from 1.
    pub(super) fn place(&self, workspace: &Workspace) -> String {
        let file = name(workspace, self.importer);
        match &self.target.span {
            Some(Span { start }) => {
                format!("{file}:{}:{}", start.line + 1, start.character + 1)
            }
            None => file,
        }
    }

    /// Returns whether the import only imports types, which the bundle does not contain.
    pub(super) fn is_of_types(&self) -> bool {
        let code = self
            .dependency
            .and_then(|dependency| dependency.code.as_ref());
        !code.is_some_and(|code| std::ptr::eq(code, self.target))
    }

    /// Returns the specifier as it is in the source, with special characters escaped.
    pub(super) fn specifier(&self) -> String {
        self.specifier.escape_debug().to_string()
    }
}

pub(super) fn imports(graph: &Graph) -> impl Iterator<Item = Import<'_>> {
    graph.modules.iter().flat_map(|importer| {
        let dependencies = importer.dependencies.iter().flat_map(move |dependency| {
            let targets = [&dependency.code, &dependency.r#type];
            targets.into_iter().flatten().map(move |target| Import {
                importer,
                specifier: &dependency.specifier,
                dependency: Some(dependency),
                target,
            })
        });
        let types = importer.types.iter().flat_map(move |types| {
            types.dependency.iter().map(move |target| Import {
                importer,
                specifier: &types.specifier,
                dependency: None,
                target,
            })
        });
        dependencies.chain(types)
    })
}

fn check_target(workspace: &Workspace, import: &Import<'_>) -> Result<(), BuildError> {
    let Some(url) = import.target.specifier.as_deref() else {
        return Ok(());
    };
    if url.starts_with("cloudflare:") && !import.is_of_types() {
        return Err(BuildError::Workers {
            importer: import.place(workspace),
            specifier: import.specifier(),
        });
    }
    let is_file = url.starts_with("file:");
    if is_file && near_miss::is_odd_path(import.specifier) {
        return Err(missing_file(workspace, import));
    }
    if is_file && workspace.file_of(url).is_none() {
        let missing = missing_file(workspace, import);
        if import.specifier.starts_with('/') && missing.has_suggestion() {
            return Err(missing);
        }
        return Err(BuildError::Outside {
            importer: import.place(workspace),
            specifier: import.specifier(),
        });
    }
    Ok(())
}

/// Returns the module's path in the upload, or its URL.
fn name(workspace: &Workspace, module: &Module) -> String {
    workspace
        .file_of(&module.specifier)
        .unwrap_or_else(|| workspace.readable(&module.specifier))
}

/// Checks that an import was resolved. The errors include the position, which Deno's own errors lack, or specific
/// advice.
fn check_resolved(
    workspace: &Workspace,
    import: &Import<'_>,
    graph: &Graph,
) -> Result<(), BuildError> {
    let Some(dependency) = import.dependency else {
        return Ok(());
    };
    let is_package = !dependency.specifier.starts_with(['.', '/'])
        && !dependency.is_dynamic
        && !config::is_sdk(&dependency.specifier);
    let importer = name(workspace, import.importer);
    let code = dependency.code.as_ref();
    if is_package && code.is_some_and(|code| code.error.is_some()) {
        let place = import.place(workspace);
        return Err(unknown_package(
            workspace,
            &importer,
            place,
            import.specifier,
        ));
    }
    let is_missing = !import.target.specifier.as_deref().is_some_and(is_remote)
        && has_error(graph, import, deno_errors::names_no_file);
    if is_missing {
        return Err(missing_file(workspace, import));
    }
    if has_error(graph, import, deno_errors::lacks_json_type) {
        return Err(BuildError::JsonWithoutType {
            importer: import.place(workspace),
            specifier: import.specifier(),
        });
    }
    Ok(())
}

/// Whether the imported module has an error that `is_such` accepts.
fn has_error(graph: &Graph, import: &Import<'_>, is_such: fn(&str) -> bool) -> bool {
    let target = import.target.specifier.as_deref();
    let mut modules = graph.modules.iter();
    modules.any(|module| {
        Some(module.specifier.as_str()) == target && module.error.as_deref().is_some_and(is_such)
    })
}

fn missing_file(workspace: &Workspace, import: &Import<'_>) -> BuildError {
    let importer = name(workspace, import.importer);
    let files: Vec<&str> = workspace.files().iter().map(String::as_str).collect();
    BuildError::MissingFile {
        suggestion: near_miss::of_missing_file(&importer, import.specifier, &files),
        importer: import.place(workspace),
        specifier: import.specifier(),
    }
}

/// Returns the error of an import of an unknown package. `place` is the position of the import in the file `importer`.
pub(super) fn unknown_package(
    workspace: &Workspace,
    importer: &str,
    place: String,
    specifier: &str,
) -> BuildError {
    let files: Vec<&str> = workspace.files().iter().map(String::as_str).collect();
    let package_json = workspace.package_json();
    BuildError::UnknownPackage {
        suggestion: near_miss::of_unknown_package(
            importer,
            specifier,
            &files,
            package_json.as_deref(),
        ),
        importer: place,
        specifier: specifier.escape_debug().to_string(),
    }
}
