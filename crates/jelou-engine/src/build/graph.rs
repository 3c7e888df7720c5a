//! Resolves the imports of an upload before bundling: every local module must be a file of the upload.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Output;

use jelou_core::SourceTree;
use jelou_core::source::is_declaration;
use serde::Deserialize;

use super::error::BuildError;
use super::lock::{DENO_LOCK, Lock};
use super::packages::{self, Packages};
use super::remote::{self, RemoteModule, RemoteModules, Rules};
use super::tools::Tools;
use super::workspace::Workspace;
use super::wrong_imports::{self, WrongImport};
use super::{command, config, peers, refresh};
use jelou_sandbox::Purpose;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Graph {
    #[serde(default)]
    pub(super) modules: Vec<Module>,
    #[serde(default)]
    pub(super) roots: Vec<String>,
    #[serde(default)]
    npm_packages: Packages,
    /// The target of each redirected specifier.
    #[serde(default)]
    redirects: HashMap<String, String>,
}

impl Graph {
    /// Whether the package in a specifier is installed, possibly only because another package needs it.
    pub(super) fn has_package(&self, specifier: &str) -> bool {
        let name = config::package_name(specifier);
        self.npm_packages
            .values()
            .any(|package| package.name == name)
    }
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
    /// The wrong imports. They count only if the bundler keeps them: it drops imports of which only types are used.
    pub(super) wrong_imports: Vec<WrongImport>,
    /// Type imports of files outside the upload. They count only for a type check.
    pub(super) types_outside: Vec<BuildError>,
    /// Whether the bundler's own rules for relative imports do not find all files.
    pub(super) has_unusual_imports: bool,
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
    pub(super) dependencies: Vec<Dependency>,
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
    pub(super) specifier: String,
    pub(super) code: Option<Resolution>,
    r#type: Option<Resolution>,
    /// Whether the import is dynamic (`import()`).
    #[serde(default, rename = "isDynamic")]
    pub(super) is_dynamic: bool,
}

#[derive(Deserialize)]
pub(super) struct Resolution {
    pub(super) specifier: Option<String>,
    /// Why the import was not resolved.
    pub(super) error: Option<String>,
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
    let mut graph = locked_graph(tools, workspace).await?;
    let mut peers = BTreeSet::new();
    loop {
        let missing = peers::missing(workspace, &graph.npm_packages);
        if missing.is_subset(&peers) {
            break;
        }
        peers.extend(missing);
        workspace.write("peers.js", peers::module(workspace, &peers)?.as_bytes())?;
        graph = parse(
            workspace,
            &info(tools, workspace, &workspace.peers()).await?,
        )?;
    }
    let reachable = wrong_imports::reachable(&graph);
    BuildError::check(wrong_imports::wrong_modules(
        workspace, &graph, &reachable, tree,
    ))?;
    let wrong_imports = wrong_imports::wrong_imports(tools, workspace, &graph, &reachable);
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
    let imports = targets(workspace, &graph);
    let has_declarations = |target: &Target| {
        let Target::File(file) = target else {
            return false;
        };
        is_declaration(file)
    };
    Ok(Resolved {
        files: reached(workspace, &graph),
        has_unusual_imports: !wrong_imports.is_empty() || imports.values().any(has_declarations),
        wrong_imports,
        types_outside: wrong_imports::types_outside(workspace, &graph),
        imports,
        redirects: graph.redirects.into_keys().collect(),
        packages: graph.npm_packages,
        remote,
        lock,
    })
}

/// Returns the graph of the entrypoint, with the versions of the upload's lock file.
async fn locked_graph(tools: &Tools, workspace: &Workspace) -> Result<Graph, BuildError> {
    let own_lock = workspace.lock_for_build(tools).await?;
    let entrypoint = workspace.entrypoint();
    // In development, cached versions are good enough, and need no network.
    let wants_newest = !tools.launcher.stage.is_development();
    let output = match &own_lock {
        None => {
            if wants_newest && workspace.uses_packages() {
                // Deno would use the lists of versions that an earlier build cached.
                refresh::forget_versions(&tools.cache.packages())?;
            }
            info(tools, workspace, &entrypoint).await?
        }
        Some(lock) => {
            workspace.write_lock(tools, DENO_LOCK, lock)?;
            let output = info(tools, workspace, &entrypoint).await?;
            if wants_newest
                && Lock::read(&workspace.lock())?.extends(&Lock::parse(DENO_LOCK, lock)?)
            {
                refresh::forget_versions(&tools.cache.packages())?;
                workspace.write_lock(tools, DENO_LOCK, lock)?;
                info(tools, workspace, &entrypoint).await?
            } else {
                output
            }
        }
    };
    parse(workspace, &output)
}

fn parse(workspace: &Workspace, output: &Output) -> Result<Graph, BuildError> {
    let mut graph: Graph = serde_json::from_slice(&output.stdout).map_err(|_| {
        let text = String::from_utf8_lossy(&output.stderr);
        match (remote::changed_module(&text), workspace.own_lock()) {
            (Some(module), Some(lock)) => BuildError::RemoteIntegrity {
                module,
                lock: lock.to_owned(),
            },
            _ => BuildError::Source(workspace.readable(&text).trim().to_owned()),
        }
    })?;
    for package in graph.npm_packages.values_mut() {
        package.use_original();
    }
    Ok(graph)
}

async fn info(tools: &Tools, workspace: &Workspace, module: &Path) -> Result<Output, BuildError> {
    let mut tool = command::tool(tools, workspace, Purpose::Fetch);
    let mut lock = OsString::from("--lock=");
    lock.push(workspace.lock());
    tool.args(["info", "--json"])
        .arg(Rules::of(&tools.network).option())
        .arg(lock)
        .arg("--config")
        .arg(workspace.config())
        .arg(module);
    command::run(tools, workspace, Purpose::Fetch, tool).await
}

/// Returns the files of the upload that are modules of the graph, or that a module imports as text or bytes.
fn reached(workspace: &Workspace, graph: &Graph) -> BTreeSet<String> {
    let modules = graph.modules.iter().map(|module| module.specifier.as_str());
    let targets = all_imports(graph).filter_map(|import| import.target.specifier.as_deref());
    modules
        .chain(targets)
        .filter_map(|url| workspace.file_of(url))
        .filter(|file| workspace.files().contains(file))
        .collect()
}

/// Returns the declarations of types that TypeScript finds for an import of a file that does not exist.
pub(super) fn declarations_of(workspace: &Workspace, url: &str) -> Option<String> {
    let file = workspace.file_of(url)?;
    if workspace.files().contains(&file) {
        return None;
    }
    let stem = file.strip_suffix(".js").unwrap_or(&file);
    let names = [format!("{stem}.d.ts"), format!("{file}/index.d.ts")];
    names
        .into_iter()
        .find(|name| workspace.files().contains(name))
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
                Target::File(declarations_of(workspace, url).unwrap_or(file))
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
    pub(super) specifier: &'a str,
    /// `None` if a module imports its own type declarations.
    pub(super) dependency: Option<&'a Dependency>,
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

    pub(super) fn is_wrong(
        &self,
        workspace: &Workspace,
        error: &BuildError,
        url: Option<&str>,
    ) -> WrongImport {
        WrongImport {
            key: (name(workspace, self.importer), self.specifier.to_owned()),
            message: error.to_string(),
            url: url.map(str::to_owned),
        }
    }

    /// Returns the specifier as it is in the source, with special characters escaped.
    pub(super) fn specifier(&self) -> String {
        self.specifier.escape_debug().to_string()
    }
}

/// Returns the imports of code.
pub(super) fn imports(graph: &Graph) -> impl Iterator<Item = Import<'_>> {
    all_imports(graph).filter(|import| !import.is_of_types())
}

pub(super) fn all_imports(graph: &Graph) -> impl Iterator<Item = Import<'_>> {
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

/// Returns the module's path in the upload, or its URL.
pub(super) fn name(workspace: &Workspace, module: &Module) -> String {
    workspace
        .file_of(&module.specifier)
        .unwrap_or_else(|| workspace.readable(&module.specifier))
}
