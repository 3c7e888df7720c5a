//! Resolves the imports of an upload before bundling: every local module must be a file of the upload.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::BuildError;
use super::near_miss;
use super::packages::{self, Packages};
use super::tools::Tools;
use super::workspace::Workspace;
use super::{command, config};
use jelou_sandbox::Purpose;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Graph {
    #[serde(default)]
    modules: Vec<Module>,
    #[serde(default)]
    npm_packages: Packages,
}

#[derive(Deserialize)]
struct Module {
    specifier: String,
    error: Option<String>,
    #[serde(default)]
    dependencies: Vec<Dependency>,
    #[serde(rename = "typesDependency")]
    types: Option<TypesDependency>,
}

/// The types that a module declares for itself.
#[derive(Deserialize)]
struct TypesDependency {
    specifier: String,
    dependency: Option<Resolution>,
}

#[derive(Deserialize)]
struct Dependency {
    specifier: String,
    code: Option<Resolution>,
    r#type: Option<Resolution>,
    /// Resolved at run time only.
    #[serde(default, rename = "isDynamic")]
    is_dynamic: bool,
}

#[derive(Deserialize)]
struct Resolution {
    specifier: Option<String>,
    /// Why the specifier is missing.
    error: Option<String>,
    span: Option<Span>,
}

#[derive(Deserialize)]
struct Span {
    start: Position,
}

/// Both count from 0.
#[derive(Deserialize)]
struct Position {
    line: u32,
    character: u32,
}

pub(super) async fn check(tools: &Tools, workspace: &Workspace) -> Result<(), BuildError> {
    let mut tool = command::tool(tools, workspace, Purpose::Fetch);
    tool.args(["info", "--json", "--no-lock", "--no-remote", "--config"])
        .arg(workspace.config())
        .arg(workspace.entrypoint());
    let output = command::run(tools, workspace, Purpose::Fetch, tool).await?;
    let graph: Graph = serde_json::from_slice(&output.stdout).map_err(|_| {
        let text = String::from_utf8_lossy(&output.stderr);
        BuildError::Source(workspace.readable(&text).trim().to_owned())
    })?;
    // Targets first: an error in a file outside the upload may quote that file.
    for import in imports(&graph) {
        check_target(workspace, &import)?;
    }
    for import in imports(&graph) {
        check_resolved(workspace, &import, &graph)?;
    }
    if let Some(error) = graph
        .modules
        .iter()
        .find_map(|module| module.error.as_deref())
    {
        let text = workspace.readable(error).trim().to_owned();
        return Err(BuildError::Source(text));
    }
    if workspace.has_users() {
        packages::make_readable(&graph.npm_packages, &tools.cache.packages())?;
    }
    Ok(())
}

/// One import of one module.
struct Import<'a> {
    importer: &'a Module,
    specifier: &'a str,
    /// `None` for the types that a module declares for itself.
    dependency: Option<&'a Dependency>,
    target: &'a Resolution,
}

impl Import<'_> {
    /// File, line and column, both counted from 1.
    fn place(&self, workspace: &Workspace) -> String {
        let file = workspace.readable(&self.importer.specifier);
        match &self.target.span {
            Some(Span { start }) => {
                format!("{file}:{}:{}", start.line + 1, start.character + 1)
            }
            None => file,
        }
    }

    /// As written in the source.
    fn specifier(&self) -> String {
        self.specifier.escape_debug().to_string()
    }
}

fn imports(graph: &Graph) -> impl Iterator<Item = Import<'_>> {
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
    if url.starts_with("http:") || url.starts_with("https:") {
        return Err(BuildError::Remote {
            importer: import.place(workspace),
            specifier: import.specifier(),
        });
    }
    if url.starts_with("jsr:") && !config::is_sdk(url) {
        return Err(BuildError::Jsr {
            importer: import.place(workspace),
            specifier: import.specifier(),
        });
    }
    match url.strip_prefix("file://") {
        Some(path) if !is_inside(&workspace.src(), path) => Err(BuildError::Outside {
            importer: import.place(workspace),
            specifier: import.specifier(),
        }),
        _ => Ok(()),
    }
}

/// Reports unresolved imports with their location. Deno's own errors have no location, or advice that does not apply.
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
    let importer = workspace.readable(&import.importer.specifier);
    let files: Vec<&str> = workspace.files().iter().map(String::as_str).collect();
    let code = dependency.code.as_ref();
    if is_package && code.is_some_and(|code| code.error.is_some()) {
        return Err(BuildError::UnknownPackage {
            suggestion: near_miss::of_unknown_package(
                &importer,
                import.specifier,
                &files,
                package_json(workspace).as_deref(),
            ),
            importer: import.place(workspace),
            specifier: import.specifier(),
        });
    }
    let is_missing = graph.modules.iter().any(|module| {
        Some(&module.specifier) == import.target.specifier.as_ref()
            && module
                .error
                .as_ref()
                .is_some_and(|error| names_no_file(error))
    });
    if is_missing {
        return Err(BuildError::MissingFile {
            suggestion: near_miss::of_missing_file(&importer, import.specifier, &files),
            importer: import.place(workspace),
            specifier: import.specifier(),
        });
    }
    Ok(())
}

/// Whether the error says that the file does not exist. A folder counts as a missing file.
fn names_no_file(error: &str) -> bool {
    error.starts_with("Module not found") || error.contains("ERR_UNSUPPORTED_DIR_IMPORT")
}

/// The `package.json` of the upload. It names packages that belong in `deno.json`.
fn package_json(workspace: &Workspace) -> Option<String> {
    std::fs::read_to_string(workspace.src().join("package.json")).ok()
}

/// Whether the path of a file URL is inside the folder. The paths are compared literally, because the upload has no
/// symbolic links and no names that need percent-encoding.
fn is_inside(folder: &Path, url_path: &str) -> bool {
    let path = PathBuf::from(url_path);
    path.starts_with(folder)
        && !path
            .components()
            .any(|part| matches!(part, std::path::Component::ParentDir))
        && !url_path.to_ascii_lowercase().contains("%2f")
        && !url_path.to_ascii_lowercase().contains("%2e")
}
