//! Reads which modules an upload imports, before anything is bundled: every local one must be a file of the upload.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::workspace::Workspace;
use super::{BuildError, command};
use crate::engine::Shared;

#[derive(Deserialize)]
struct Graph {
    #[serde(default)]
    modules: Vec<Module>,
}

#[derive(Deserialize)]
struct Module {
    specifier: String,
    error: Option<String>,
    #[serde(default)]
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    specifier: String,
    code: Option<Resolution>,
    r#type: Option<Resolution>,
}

#[derive(Deserialize)]
struct Resolution {
    specifier: Option<String>,
}

pub(super) async fn check(shared: &Shared, workspace: &Workspace) -> Result<(), BuildError> {
    let mut tool = command::tool(shared, workspace);
    tool.args(["info", "--json", "--no-lock", "--no-remote", "--config"])
        .arg(workspace.config())
        .arg(workspace.entrypoint());
    let output = command::run(shared, workspace, tool).await?;
    let graph: Graph = serde_json::from_slice(&output.stdout).map_err(|_| {
        let text = String::from_utf8_lossy(&output.stderr);
        BuildError::Source(workspace.readable(&text).trim().to_owned())
    })?;
    // First where the imports lead: the error of a file outside the upload may quote that file.
    for module in &graph.modules {
        for dependency in &module.dependencies {
            for target in [&dependency.code, &dependency.r#type].into_iter().flatten() {
                check_target(workspace, module, dependency, target)?;
            }
        }
    }
    match graph
        .modules
        .iter()
        .find_map(|module| module.error.as_deref())
    {
        Some(error) => Err(BuildError::Source(
            workspace.readable(error).trim().to_owned(),
        )),
        None => Ok(()),
    }
}

fn check_target(
    workspace: &Workspace,
    module: &Module,
    dependency: &Dependency,
    target: &Resolution,
) -> Result<(), BuildError> {
    let Some(url) = target.specifier.as_deref() else {
        return Ok(());
    };
    let importer = || workspace.readable(&module.specifier);
    let specifier = || dependency.specifier.escape_debug().to_string();
    if url.starts_with("http:") || url.starts_with("https:") {
        return Err(BuildError::Remote {
            importer: importer(),
            specifier: specifier(),
        });
    }
    match url.strip_prefix("file://") {
        Some(path) if !is_inside(&workspace.src(), path) => Err(BuildError::Outside {
            importer: importer(),
            specifier: specifier(),
        }),
        _ => Ok(()),
    }
}

/// Whether the path of a file URL lies in the folder. The upload has no symbolic links and its names need no percent
/// encoding beyond what makes them differ from the folder's own, which is compared as it is written.
fn is_inside(folder: &Path, url_path: &str) -> bool {
    let path = PathBuf::from(url_path);
    path.starts_with(folder)
        && !path
            .components()
            .any(|part| matches!(part, std::path::Component::ParentDir))
        && !url_path.to_ascii_lowercase().contains("%2f")
        && !url_path.to_ascii_lowercase().contains("%2e")
}
