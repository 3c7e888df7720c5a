//! Finds the modules and imports of an upload that cannot be in a bundle.

use std::collections::{HashMap, HashSet};

use jelou_core::SourceTree;
use jelou_core::source::{is_module, is_text};

use super::error::BuildError;
use super::graph::{
    Graph, Import, Module, all_imports, declarations_of, imports, is_remote, name, redirected,
};
use super::remote::Rules;
use super::tools::Tools;
use super::workspace::Workspace;
use super::{config, deno_errors, encoding, near_miss, remote_imports};

/// Returns the modules that run: the entrypoint and what it imports as code, directly or through other modules.
pub(super) fn reachable(graph: &Graph) -> HashSet<&str> {
    let modules: HashMap<&str, &Module> = graph
        .modules
        .iter()
        .map(|module| (module.specifier.as_str(), module))
        .collect();
    let mut open: Vec<&str> = graph.roots.iter().map(String::as_str).collect();
    let mut reachable = HashSet::new();
    while let Some(url) = open.pop() {
        let url = redirected(graph, url);
        if !reachable.insert(url) {
            continue;
        }
        let dependencies = modules.get(url).map(|module| module.dependencies.iter());
        let code = dependencies.into_iter().flatten();
        open.extend(code.filter_map(|dependency| dependency.code.as_ref()?.specifier.as_deref()));
    }
    reachable
}

/// Returns the errors of modules that run. Leaves out errors that are already reported at the import, and errors in
/// local files outside the upload, because such an error may quote the file.
pub(super) fn wrong_modules(
    workspace: &Workspace,
    graph: &Graph,
    reachable: &HashSet<&str>,
    tree: &SourceTree,
) -> Vec<BuildError> {
    let modules = graph.modules.iter();
    let modules = modules.filter(|module| reachable.contains(module.specifier.as_str()));
    let mut problems = Vec::new();
    for module in modules {
        let file = workspace.file_of(&module.specifier);
        let source = file.as_deref().and_then(|file| tree.file(file));
        if let Some(Err(error)) = source
            .filter(|source| is_module(&source.path))
            .map(encoding::check)
        {
            problems.push(error);
            continue;
        }
        let is_own = file.is_some() || !module.specifier.starts_with("file:");
        let error = module.error.as_deref().filter(|error| {
            is_own
                && !is_remote(&module.specifier)
                && !deno_errors::names_no_file(error)
                && !file.as_deref().is_some_and(|file| is_data(file, error))
        });
        problems.extend(error.map(|error| match &file {
            // The error has its place in the file.
            Some(_) => BuildError::Source(readable(workspace, error)),
            None => at_import(workspace, graph, &module.specifier, error),
        }));
    }
    problems
}

/// Whether the file is data that bundlers import without `with { type }`: JSON, or text.
fn is_data(file: &str, error: &str) -> bool {
    deno_errors::lacks_json_type(error) || deno_errors::is_no_code(error) && is_text(file)
}

/// An import that cannot be in the bundle.
#[derive(Debug)]
pub(super) struct WrongImport {
    /// The importer (a path in the upload, or a URL) and the specifier.
    pub(super) key: (String, String),
    pub(super) message: String,
    /// The URL of a remote module, of which only the first wrong import is reported.
    pub(super) url: Option<String>,
}

pub(super) fn wrong_imports(
    tools: &Tools,
    workspace: &Workspace,
    graph: &Graph,
    reachable: &HashSet<&str>,
) -> Vec<WrongImport> {
    let local = imports(graph).filter_map(|import| {
        let checked = check_target(workspace, &import)
            .and_then(|()| check_resolved(workspace, &import, graph));
        Some(import.is_wrong(workspace, &checked.err()?, None))
    });
    let remote = remote_imports::problems(Rules::of(&tools.network), workspace, graph);
    let wrong = local.chain(remote);
    let runs = |importer: &str| {
        reachable
            .iter()
            .any(|url| *url == importer || workspace.file_of(url).as_deref() == Some(importer))
    };
    wrong.filter(|wrong| runs(&wrong.key.0)).collect()
}

/// Returns the errors of type imports whose files are outside the upload. The bundler drops these imports, but a type check
/// would read the files.
pub(super) fn types_outside(workspace: &Workspace, graph: &Graph) -> Vec<BuildError> {
    let types = all_imports(graph).filter(Import::is_of_types);
    types
        .filter_map(|import| {
            let url = import.target.specifier.as_deref()?;
            is_outside(workspace, url).then(|| outside(workspace, &import))
        })
        .collect()
}

fn is_outside(workspace: &Workspace, url: &str) -> bool {
    is_local(workspace, url) && workspace.file_of(url).is_none()
}

fn is_local(workspace: &Workspace, url: &str) -> bool {
    url.starts_with("file:") && declarations_of(workspace, url).is_none()
}

fn outside(workspace: &Workspace, import: &Import<'_>) -> BuildError {
    BuildError::Outside {
        importer: import.place(workspace),
        specifier: import.specifier(),
    }
}

fn readable(workspace: &Workspace, error: &str) -> String {
    workspace.readable(error).trim().to_owned()
}

/// Returns the error of a module that is no file of the upload, such as a package, with the place of its import.
fn at_import(workspace: &Workspace, graph: &Graph, url: &str, error: &str) -> BuildError {
    let text = readable(workspace, error);
    let mut imports = imports(graph);
    let import = imports.find(|import| import.target.specifier.as_deref() == Some(url));
    BuildError::Source(match import {
        Some(import) => format!(
            "`{}` imports `{}`: {text}{}",
            import.place(workspace),
            import.specifier(),
            deno_errors::advice(error)
        ),
        None => text,
    })
}

/// The schemes of other platforms' modules, and what they are.
const OTHER_PLATFORMS: [(&str, &str); 2] = [
    (
        "cloudflare:",
        "a module of Workers, which does not exist here; docs/handlers.md has what to use in place of its bindings",
    ),
    (
        "bun:",
        "a module of Bun, which does not exist here; use a package of npm, or a module of Node",
    ),
];

/// The list of a Workers Site's files, which its tool makes.
const WORKERS_SITE: &str = "__STATIC_CONTENT_MANIFEST";

fn other_platform(importer: String, import: &Import<'_>, what: &'static str) -> BuildError {
    BuildError::OtherPlatform {
        importer,
        specifier: import.specifier(),
        what,
    }
}

fn check_target(workspace: &Workspace, import: &Import<'_>) -> Result<(), BuildError> {
    let Some(url) = import.target.specifier.as_deref() else {
        return Ok(());
    };
    if let Some((_, what)) = OTHER_PLATFORMS
        .iter()
        .find(|(scheme, _)| url.starts_with(scheme))
    {
        return Err(other_platform(import.place(workspace), import, what));
    }
    if is_local(workspace, url) && near_miss::is_odd_path(import.specifier) {
        return Err(missing_file(workspace, import));
    }
    if is_outside(workspace, url) {
        let missing = missing_file(workspace, import);
        if import.specifier.starts_with('/') && missing.has_suggestion() {
            return Err(missing);
        }
        return Err(outside(workspace, import));
    }
    Ok(())
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
    if dependency.specifier == WORKERS_SITE {
        let place = import.place(workspace);
        return Err(other_platform(place, import, OTHER_PLATFORMS[0].1));
    }
    let is_unknown = is_package && code.is_some_and(|code| code.error.is_some());
    if is_unknown && !(workspace.is_of_node() && graph.has_package(&dependency.specifier)) {
        let place = import.place(workspace);
        return Err(unknown_package(
            workspace,
            &importer,
            place,
            import.specifier,
        ));
    }
    let url = import.target.specifier.as_deref();
    let has_declarations = url.is_some_and(|url| declarations_of(workspace, url).is_some());
    let is_missing = !url.is_some_and(is_remote)
        && !has_declarations
        && has_error(graph, import, deno_errors::names_no_file);
    if is_missing {
        return Err(missing_file(workspace, import));
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
