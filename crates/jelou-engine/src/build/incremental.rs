//! Builds one project repeatedly. Reuses the build folder, the resolved imports and the bundler's process as long as
//! only code changes.

use std::collections::BTreeSet;

use jelou_core::SourceTree;
use jelou_core::source::is_module;
use tokio::sync::Mutex;

use super::bundle::{self, Bundled};
use super::bundler::Bundler;
use super::error::BuildError;
use super::graph::{self, Resolved};
use super::tools::Tools;
use super::workspace::Workspace;
use super::{config, encoding};
use crate::artifacts::AssetFiles;

/// The state between the builds of one project.
#[derive(Debug, Default)]
pub struct IncrementalBuild(Mutex<Option<BuildState>>);

#[derive(Debug)]
struct BuildState {
    /// The files that are in the workspace now.
    tree: SourceTree,
    workspace: Workspace,
    resolved: Resolved,
    bundler: Bundler,
    /// The imports that were still unresolved after the last resolution, such as optional ones.
    unresolved: BTreeSet<(String, String)>,
}

impl IncrementalBuild {
    /// Bundles the project. Also returns the files of the project that its imports reach. The caller may drop the
    /// future at any time.
    pub(super) async fn bundle(
        &self,
        tools: &Tools,
        tree: &SourceTree,
    ) -> Result<(Bundled, BTreeSet<String>), BuildError> {
        let mut state = self.0.lock().await;
        if let Some(state) = state.as_mut()
            && state.resolves_like(tree)?
        {
            let bundled = state.bundle(tools, tree).await;
            if state.bundler.unresolved.is_subset(&state.unresolved) {
                return Ok((bundled?, state.resolved.files.clone()));
            }
        }
        let mut fresh = BuildState::resolve(tools, tree).await?;
        let bundled = fresh.bundle(tools, tree).await;
        fresh.unresolved.clone_from(&fresh.bundler.unresolved);
        let files = fresh.resolved.files.clone();
        *state = Some(fresh);
        Ok((bundled?, files))
    }
}

impl BuildState {
    async fn resolve(tools: &Tools, tree: &SourceTree) -> Result<Self, BuildError> {
        let workspace = Workspace::create(tools, tree, &AssetFiles::new())?;
        let resolved = graph::resolve(tools, &workspace, tree).await;
        workspace.forget_credentials()?;
        Ok(Self {
            tree: tree.clone(),
            workspace,
            resolved: resolved?,
            bundler: Bundler::reporting_unresolved(),
            unresolved: BTreeSet::new(),
        })
    }

    /// Whether the resolved imports are still valid: the file names, the entrypoint, the lock file, and the
    /// configuration are unchanged.
    fn resolves_like(&self, tree: &SourceTree) -> Result<bool, BuildError> {
        let (before, now) = (&self.tree, tree);
        let configures = |path: &str| path.ends_with(config::PACKAGE_JSON);
        let are_same_files = before.files().len() == now.files().len()
            && before.files().iter().zip(now.files()).all(|(old, new)| {
                old.path == new.path && (old.content == new.content || !configures(&new.path))
            });
        Ok(are_same_files
            && before.entrypoint() == now.entrypoint()
            && Workspace::own_lock_of(before) == Workspace::own_lock_of(now)
            && config::for_build(before)? == config::for_build(now)?)
    }

    async fn bundle(&mut self, tools: &Tools, tree: &SourceTree) -> Result<Bundled, BuildError> {
        self.workspace.update(&self.tree, tree)?;
        self.tree = tree.clone();
        let reached = self.resolved.files.iter();
        let modules = reached.filter(|path| is_module(path));
        let wrong = modules.filter_map(|path| encoding::check(tree.file(path)?).err());
        BuildError::check(wrong.collect())?;
        bundle::run(tools, &self.workspace, &self.resolved, &mut self.bundler).await
    }
}
