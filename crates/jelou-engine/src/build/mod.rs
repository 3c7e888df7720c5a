//! From an upload to an artifact and its manifest: check what it imports, bundle it, read what it says of itself.
//!
//! All three steps handle other people's code. The import graph is read first, so that nothing outside the upload and
//! its packages gets into a bundle or into an error message; the bundle and its source map are checked after, in case
//! it did. Only the first step, which fetches packages, has a network and knows how to log in at a registry.

mod bundle;
mod command;
mod config;
mod embedded;
mod error;
mod graph;
mod output;
mod packages;
mod registry;
mod types;
mod workspace;

use jelou_core::{Manifest, Slug, SourceTree};
use sourcemap::SourceMap;

pub use error::BuildError;

use crate::artifacts::stack_trace;
use crate::worker::blank::Blank;
use crate::worker::load::{LoadError, LoadMode, LoadRequest};
use crate::{Artifact, Engine};
use jelou_sandbox::{CpuShare, Purpose};
use workspace::Workspace;

#[derive(Debug)]
pub struct Built {
    pub artifact: Artifact,
    pub manifest: Manifest,
    pub warnings: Vec<String>,
}

/// Whether types are checked as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeCheck {
    Skip,
    Run,
}

impl Engine {
    /// Builds an upload. Nothing of it is kept when it fails.
    pub async fn build(
        &self,
        slug: &Slug,
        tree: &SourceTree,
        types: TypeCheck,
    ) -> Result<Built, BuildError> {
        // Never closed, so that a permit always comes.
        let _permit = self.shared.builds.acquire().await;
        self.build_now(slug, tree, types)
            .await
            .map_err(BuildError::or_full_disk)
    }

    async fn build_now(
        &self,
        slug: &Slug,
        tree: &SourceTree,
        types: TypeCheck,
    ) -> Result<Built, BuildError> {
        let shared = &self.shared;
        let workspace = Workspace::create(shared, tree)?;
        let checked = graph::check(shared, &workspace).await;
        workspace.forget_credentials()?;
        checked?;
        if types == TypeCheck::Run {
            types::check(shared, &workspace).await?;
        }
        let artifact = bundle::run(shared, &workspace).await?;
        let (manifest, warnings) = self.inspect(slug, &artifact).await?;
        Ok(Built {
            artifact,
            manifest,
            warnings,
        })
    }

    /// Imports the bundle once, without network and secrets, to read its manifest.
    async fn inspect(
        &self,
        slug: &Slug,
        artifact: &Artifact,
    ) -> Result<(Manifest, Vec<String>), BuildError> {
        let charge = self.shared.budget.charge();
        let blank = Blank::start(&self.shared, Purpose::Inspect, CpuShare::Own, charge)
            .await
            .map_err(BuildError::Load)?;
        let request = LoadRequest {
            mode: LoadMode::Inspect,
            bundle: &artifact.bundle,
            function_slug: slug,
            function_id: None,
            deployment_id: None,
            company: None,
            env: std::collections::BTreeMap::new(),
            functions_domain: &self.shared.functions_domain,
            egress_socket: None,
            log_line_bytes: self.shared.limits.max_log_line_bytes,
            memory: None,
            jelou: None,
        };
        let loaded = blank
            .inspect(&self.shared, &request)
            .await
            .map_err(|error| match error {
                LoadError::Refused {
                    code,
                    message,
                    stack,
                } => {
                    let map = SourceMap::from_slice(artifact.source_map.as_bytes());
                    let readable = |text: String| match &map {
                        Ok(map) => stack_trace::rewrite(&text, map),
                        Err(_) => text,
                    };
                    LoadError::Refused {
                        code,
                        message: readable(message),
                        stack: stack.map(readable),
                    }
                }
                other => other,
            })?;
        let manifest = loaded.manifest.ok_or_else(|| {
            LoadError::Protocol("the worker sent no manifest for the function".to_owned())
        })?;
        Ok((manifest, loaded.warnings))
    }
}
