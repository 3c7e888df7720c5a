//! Decides which files of an upload a deployment needs.

use std::collections::{BTreeMap, BTreeSet};

use jelou_core::SourceTree;
use jelou_core::source::{FileKind, Mentions, is_configuration, is_module};

use super::error::BuildError;
use super::static_urls;
use super::user_config::UserConfig;
use crate::artifacts::AssetFiles;

/// Maximum number of warnings about files that code mentions. A few examples are enough to show what to do.
const MAX_WARNINGS: usize = 5;

#[derive(Debug)]
pub(super) struct Usage {
    pub(super) files: BTreeMap<String, FileKind>,
    pub(super) warnings: Vec<String>,
}

impl Usage {
    /// Decides for each file of the upload whether the deployment needs it. `used`: the files that the build read; it
    /// may also contain names of other modules. `openapi`: the path of the function's own OpenAPI document.
    ///
    /// # Errors
    ///
    /// When the configuration cannot be read.
    pub(super) fn of(
        tree: &SourceTree,
        used: &BTreeSet<String>,
        openapi: Option<&str>,
    ) -> Result<Self, BuildError> {
        let configuration = UserConfig::of(tree)?;
        let named: BTreeSet<String> = used
            .iter()
            .filter_map(|path| Some((path, tree.file(path)?.text()?)))
            .flat_map(|(path, code)| static_urls::targets(path, code))
            .collect();
        let files: BTreeMap<_, _> = tree
            .files()
            .iter()
            .filter_map(|file| {
                let path = &file.path;
                let kind = if tree.assets().contains(path) || named.contains(path) {
                    FileKind::Asset
                } else if used.contains(path) {
                    FileKind::Module
                } else if is_configuration(path)
                    || configuration.files.contains(path)
                    || openapi == Some(path)
                {
                    FileKind::Configuration
                } else {
                    return None;
                };
                Some((path.clone(), kind))
            })
            .collect();
        let mut warnings = configuration.warnings;
        warnings.extend(unused_mentions(tree, &files));
        Ok(Self { files, warnings })
    }

    /// Returns the assets with their content.
    pub(super) fn assets(&self, tree: &SourceTree) -> AssetFiles {
        let assets = self
            .files
            .iter()
            .filter(|(_, kind)| **kind == FileKind::Asset);
        assets
            .filter_map(|(path, _)| Some((path.clone(), tree.file(path)?.content.clone())))
            .collect()
    }
}

/// Returns a warning for each unused file that is not code and whose name occurs in the deployment's code, because the
/// function may read it by path.
fn unused_mentions(tree: &SourceTree, files: &BTreeMap<String, FileKind>) -> Vec<String> {
    let candidates: Vec<_> = tree
        .files()
        .iter()
        .filter(|file| !files.contains_key(&file.path) && !is_module(&file.path))
        .collect();
    if candidates.is_empty() {
        return Vec::new();
    }
    let code: Vec<_> = files
        .keys()
        .filter(|path| is_module(path))
        .filter_map(|path| {
            let mut mentions = Mentions::default();
            mentions.add(tree.file(path)?.text()?);
            Some((path, mentions))
        })
        .collect();
    candidates
        .iter()
        .filter_map(|file| {
            let (module, _) = code.iter().find(|(_, mentions)| mentions.has(&file.path))?;
            let path = &file.path;
            Some(format!(
                "`{path}` was left out, although `{module}` mentions it. If the function reads this file, add it to jelou.json: \"assets\": [\"{path}\"]"
            ))
        })
        .take(MAX_WARNINGS)
        .collect()
}
