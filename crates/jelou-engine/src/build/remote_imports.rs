//! Finds the imports of remote modules that are not allowed or could not be downloaded.

use std::collections::{BTreeSet, HashMap};

use super::config;
use super::error::BuildError;
use super::graph::{Graph, imports, is_remote, redirected};
use super::remote::Rules;
use super::workspace::Workspace;
use super::wrong_imports::WrongImport;

/// Returns the imports of remote modules that cannot be imported.
pub(super) fn problems(rules: Rules<'_>, workspace: &Workspace, graph: &Graph) -> Vec<WrongImport> {
    let errors: HashMap<&str, &str> = graph
        .modules
        .iter()
        .filter_map(|module| Some((module.specifier.as_str(), module.error.as_deref()?)))
        .collect();
    let mut problems = Vec::new();
    for import in imports(graph) {
        let Some(url) = import.target.specifier.as_deref() else {
            continue;
        };
        if !is_remote(url) || config::is_sdk(url) {
            continue;
        }
        let target = redirected(graph, url);
        let error = errors.get(target).map(|error| workspace.readable(error));
        let Err(problem) = rules.check(url, target, error.as_deref()) else {
            continue;
        };
        let error = BuildError::Remote {
            importer: import.place(workspace),
            specifier: import.specifier(),
            by: entry(workspace, graph, &import.importer.specifier),
            problem: Box::new(problem),
        };
        problems.push(import.is_wrong(workspace, &error, Some(url)));
    }
    problems
}

/// Returns an import of the upload through which the remote module `module` is imported. `None` for a file of the
/// upload.
fn entry(workspace: &Workspace, graph: &Graph, module: &str) -> Option<String> {
    if workspace.file_of(module).is_some() {
        return None;
    }
    let mut seen = BTreeSet::from([module]);
    let mut open = vec![module];
    while let Some(wanted) = open.pop() {
        for import in imports(graph) {
            let target = import.target.specifier.as_deref();
            if target.map(|url| redirected(graph, url)) != Some(wanted) {
                continue;
            }
            let importer = import.importer.specifier.as_str();
            if workspace.file_of(importer).is_some() {
                return Some(import.place(workspace));
            }
            if seen.insert(importer) {
                open.push(importer);
            }
        }
    }
    None
}
