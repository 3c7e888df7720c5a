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
pub struct IncrementalBuild(Mutex<Option<Kept>>);

#[derive(Debug)]
struct Kept {
    /// The files that are in the workspace now.
    tree: SourceTree,
    workspace: Workspace,
    resolved: Resolved,
    bundler: Bundler,
    /// The imports that remain unresolved after a new resolution, such as optional ones.
    unresolved: BTreeSet<(String, String)>,
}

impl IncrementalBuild {
    /// Bundles the project. Also returns the project's files that the imports reach. The future can be dropped at any
    /// time.
    pub(super) async fn bundle(
        &self,
        tools: &Tools,
        tree: &SourceTree,
    ) -> Result<(Bundled, BTreeSet<String>), BuildError> {
        let mut kept = self.0.lock().await;
        if let Some(kept) = kept.as_mut()
            && kept.resolves_like(tree)?
        {
            let bundled = kept.bundle(tools, tree).await;
            if kept.bundler.unresolved.is_subset(&kept.unresolved) {
                return Ok((bundled?, kept.resolved.files.clone()));
            }
        }
        let mut fresh = Kept::resolve(tools, tree).await?;
        let bundled = fresh.bundle(tools, tree).await;
        fresh.unresolved.clone_from(&fresh.bundler.unresolved);
        let files = fresh.resolved.files.clone();
        *kept = Some(fresh);
        Ok((bundled?, files))
    }
}

impl Kept {
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
