//! Deploys: build, store, make live.

use std::sync::Arc;

use jelou_core::api::{CreatedToken, DeployRequest, DeployResult, Deployment, FileSummary};
use jelou_core::source::Declared;
use jelou_core::{Manifest, Slug, SourceFile, SourceTree, TokenLabels, TokenName, TokenPolicy};
use jelou_engine::build::{Built, TypeCheck};
use jelou_engine::{ArtifactError, Bundle};
use jelou_store::{Actor, Deployed, NewDeployment, NewRuntimeToken};
use jelou_token::RuntimeToken;

use super::tokens::mint;
use super::{Control, ControlError, retire};
use crate::registry::Function;

/// Whether the first deployment of a function creates the token `default`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstToken {
    Create,
    Skip,
}

impl Control {
    /// Builds an upload and makes it live. After an error, the live deployment stays.
    pub(crate) async fn deploy(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        request: DeployRequest,
    ) -> Result<DeployResult, ControlError> {
        let declared = Declared {
            entrypoint: request.entrypoint.as_deref(),
            assets: &request.assets,
        };
        let limits = self.engine.limits().upload();
        let tree = SourceTree::new(request.files, declared, &limits)?;
        self.check_for_tokens(&tree)?;
        let types = if request.check {
            TypeCheck::Run
        } else {
            TypeCheck::Skip
        };
        let built = self.engine.build(&slug, &tree, types).await?;
        self.check_limits(&built.manifest)?;
        if request.dry_run {
            let known = self.registry.function(slug.as_str());
            return Ok(DeployResult {
                deployment: None,
                url: self.domain.url(slug.as_str()),
                local_url: self.domain.local_url(slug.as_str()),
                function_id: known.map(|function| function.id.clone()),
                function: slug,
                token: None,
                files: summarize(&tree, &built),
                unused: unused(&tree, &built),
                warnings: built.warnings,
            });
        }
        let first_token = if request.no_token {
            FirstToken::Skip
        } else {
            FirstToken::Create
        };
        self.change(|control| async move {
            control
                .put_live(actor, slug, &tree, built, first_token)
                .await
        })
        .await
    }

    pub(crate) async fn deployments(&self, slug: &Slug) -> Result<Vec<Deployment>, ControlError> {
        let function = self.store.function_id(slug).await?;
        let deployments = self.store.list_deployments(&function).await?;
        Ok(deployments.into_iter().map(Deployment::from).collect())
    }

    async fn put_live(
        &self,
        actor: Actor,
        slug: Slug,
        tree: &SourceTree,
        built: Built,
        rule: FirstToken,
    ) -> Result<DeployResult, ControlError> {
        let stored = jelou_store::ArtifactRecord {
            bundle: built.bundle.code.clone(),
            source_map: Some(built.bundle.source_map.clone()),
            sources: tree
                .files()
                .iter()
                .filter(|file| built.files.contains_key(&file.path))
                .cloned()
                .collect(),
            assets: built.bundle.assets_archive().map_err(ArtifactError::Io)?,
        };
        // Written to disk before the deployment is live, because a call never reads the database.
        self.engine
            .artifacts()
            .put(&stored.hash().to_string(), &built.bundle)?;
        let (files, unused) = (summarize(tree, &built), unused(tree, &built));
        let new = NewDeployment {
            slug,
            artifact: stored,
            manifest: built.manifest,
            entrypoint: tree.entrypoint().to_owned(),
            files: files.clone(),
        };
        let mut minted = None;
        let first_token = || {
            if rule == FirstToken::Skip {
                return Ok(None);
            }
            let token = minted.insert(mint()?);
            Ok::<_, ControlError>(Some(NewRuntimeToken {
                name: TokenName::first_deployment(),
                hash: token.hash(),
                prefix: token.display_prefix(),
                expires_at: None,
                policy: TokenPolicy::default(),
                labels: TokenLabels::default(),
            }))
        };
        let deployed = self.store.deploy(&actor, new, first_token).await?;
        Ok(DeployResult {
            files,
            unused,
            ..self.apply(deployed, minted, built.warnings)
        })
    }

    fn apply(
        &self,
        deployed: Deployed,
        minted: Option<RuntimeToken>,
        warnings: Vec<String>,
    ) -> DeployResult {
        let record = deployed.function;
        let function = self
            .registry
            .function(record.slug.as_str())
            .unwrap_or_else(|| {
                let function = Arc::new(Function::new(
                    record.id.clone(),
                    record.slug.clone(),
                    Vec::new(),
                ));
                self.registry.put_function(Arc::clone(&function));
                function
            });
        let created = deployed.token.zip(minted).map(|(record, token)| {
            self.registry.tokens.put((&record).into());
            CreatedToken {
                token: token.expose().to_owned(),
                details: record.into(),
                warnings: Vec::new(),
            }
        });
        if let Some(live) = record.live {
            retire(function.put_live(self.live(&function, live)));
        }
        DeployResult {
            deployment: Some(deployed.deployment.into()),
            url: self.domain.url(record.slug.as_str()),
            local_url: self.domain.local_url(record.slug.as_str()),
            function: record.slug,
            function_id: Some(record.id),
            token: created,
            files: Vec::new(),
            unused: Vec::new(),
            warnings,
        }
    }

    fn check_limits(&self, manifest: &Manifest) -> Result<(), ControlError> {
        let limit = self.engine.limits().max_request_timeout_ms;
        for tool in &manifest.tools {
            if let Some(timeout) = tool.timeout_ms.filter(|timeout| *timeout > limit) {
                return Err(ControlError::Invalid {
                    detail: format!(
                        "`{}` has a timeout of {timeout} ms; the limit is {limit} ms (limits.max_request_timeout_ms)",
                        tool.name
                    ),
                    hint: "set a smaller `config.timeout`",
                });
            }
        }
        Ok(())
    }
}

/// The files of the deployment.
fn summarize(tree: &SourceTree, built: &Built) -> Vec<FileSummary> {
    let kind = |file: &SourceFile| built.files.get(&file.path).copied();
    let used = tree.files().iter().filter(|file| kind(file).is_some());
    used.map(|file| FileSummary {
        path: file.path.clone(),
        bytes: file.bytes(),
        kind: kind(file),
    })
    .collect()
}

/// The files of the upload that the deployment does not have.
fn unused(tree: &SourceTree, built: &Built) -> Vec<FileSummary> {
    tree.files()
        .iter()
        .filter(|file| !built.files.contains_key(&file.path))
        .map(|file| FileSummary {
            path: file.path.clone(),
            bytes: file.bytes(),
            kind: None,
        })
        .collect()
}

/// The part of a stored artifact that the engine caches on disk.
///
/// # Errors
///
/// When the archive of the assets is damaged.
pub(crate) fn bundle_of(stored: jelou_store::ArtifactRecord) -> std::io::Result<Bundle> {
    Ok(Bundle {
        code: stored.bundle,
        source_map: stored.source_map.unwrap_or_default(),
        assets: Bundle::assets_of(stored.assets.as_deref())?,
    })
}
