//! Deploys: build, start, store, make live.

use std::sync::Arc;
use std::time::Instant;

use jelou_core::api::{
    CreatedToken, Dependency, DeployRequest, DeployResult, FileSummary, PlannedSchedule,
};
use jelou_core::compatibility::{self, BreakingChange};
use jelou_core::source::Declared;
use jelou_core::{
    DeploymentId, FunctionId, FunctionSettings, Manifest, Slug, SmokeCall, SourceFile, SourceTree,
    TokenLabels, TokenName, TokenPolicy,
};
use jelou_engine::build::{BuildError, Built, RemoteSource, TypeCheck};
use jelou_engine::{ArtifactError, Bundle};
use jelou_store::{Actor, Deployed, NewDeployment, NewRuntimeToken, RuntimeTokenRecord};
use jelou_token::RuntimeToken;

use super::candidate::Candidate;
use super::deploy_checks::{Note, check_smoke, openapi_of};
use super::previews::PreviewTarget;
use super::remote_modules::changed_modules;
use super::tokens::mint;
use super::{Control, ControlError};
use crate::engine_host;
use crate::registry::Function;

/// Whether the first deployment of a function creates the token `default`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstToken {
    Create,
    Skip,
}

/// An upload whose request has been checked.
struct Upload {
    actor: Actor,
    slug: Slug,
    tree: SourceTree,
    note: Note,
    id: DeploymentId,
    preview: Option<PreviewTarget>,
}

/// A deploy whose upload has been built.
struct Deploy {
    id: DeploymentId,
    preview: Option<PreviewTarget>,
    actor: Actor,
    slug: Slug,
    tree: SourceTree,
    digest: String,
    built: Built,
    breaking: Vec<BreakingChange>,
    schedules: Vec<PlannedSchedule>,
    first_token: FirstToken,
    smoke: Vec<SmokeCall>,
    note: Note,
}

impl Control {
    /// Builds an upload and makes it live, or makes it the deployment of a preview. After an error, the former
    /// deployment stays.
    pub(crate) async fn deploy(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        mut request: DeployRequest,
    ) -> Result<DeployResult, ControlError> {
        check_smoke(&request.smoke)?;
        let note = Note::of(&request)?;
        let declared = Declared {
            entrypoint: request.entrypoint.as_deref(),
            assets: &request.assets,
        };
        let limits = self.engine.limits().upload();
        let files = std::mem::take(&mut request.files);
        let tree = SourceTree::new(files, declared, &limits)?;
        self.check_for_tokens(&tree)?;
        let id = DeploymentId::generate();
        let preview = match &request.preview {
            Some(open) => {
                let opened = self.open_preview(&actor, &slug, &id, open, request.dry_run);
                Some(opened.await?)
            }
            None => None,
        };
        let opened = preview.clone();
        let deployed = self.build_and_deploy(
            Upload {
                actor: actor.clone(),
                slug,
                tree,
                note,
                id,
                preview,
            },
            request,
        );
        let result = deployed.await;
        if let (Err(_), Some(opened)) = (&result, &opened) {
            self.discard_preview(actor, opened).await;
        }
        result
    }

    async fn build_and_deploy(
        self: &Arc<Self>,
        upload: Upload,
        request: DeployRequest,
    ) -> Result<DeployResult, ControlError> {
        let Upload {
            actor,
            slug,
            tree,
            note,
            id,
            preview,
        } = upload;
        let digest = self.engine.digest(&tree, &request.settings);
        let preview_ref = preview.as_ref();
        // A type check or a dry run reports on the build, so it always builds.
        let is_forced = request.force || request.reload;
        let is_build_wanted = is_forced || request.check || request.dry_run;
        if !is_build_wanted
            && let Some(unchanged) = self.unchanged(&actor, &slug, &digest, preview_ref).await?
        {
            return Ok(unchanged);
        }
        let settings = &request.settings;
        let live = self.live_dependencies(&slug).await?;
        let mut built = self
            .build(&slug, &tree, &request, preview_ref, &live)
            .await?;
        built.manifest.openapi = openapi_of(settings, &tree)?;
        self.check_limits(&slug, &built.manifest)?;
        built.warnings.extend(self.keeps_fewer(&built.manifest));
        built
            .warnings
            .extend(changed_modules(&live, &built.dependencies));
        let mut schedules = self.planned_schedules(&built.manifest, &tree, settings)?;
        if preview.is_some() {
            schedules.clear();
        }
        let breaking = self.breaking(&slug, &built.manifest);
        if request.strict && !breaking.is_empty() {
            return Err(ControlError::Breaking(breaking));
        }
        if request.dry_run {
            let (files, unused) = summarize(&tree, &built);
            return Ok(DeployResult {
                files,
                unused,
                dependencies: built.dependencies,
                warnings: built.warnings,
                breaking,
                schedules,
                ..self.result_for(slug, preview_ref)
            });
        }
        if !is_forced
            && let Some(unchanged) = self.unchanged(&actor, &slug, &digest, preview_ref).await?
        {
            return Ok(unchanged);
        }
        let deploy = Deploy {
            id,
            preview,
            actor,
            slug,
            tree,
            digest,
            built,
            breaking,
            schedules,
            first_token: if request.no_token {
                FirstToken::Skip
            } else {
                FirstToken::Create
            },
            smoke: request.smoke,
            note,
        };
        let control = Arc::clone(self);
        // Runs in a separate task, so that it completes even if the caller disconnects. Otherwise a process could be
        // left without its deployment.
        let task = tokio::spawn(async move { control.store_and_activate(deploy).await });
        task.await.map_err(|_| ControlError::Interrupted)?
    }

    /// Builds an upload and counts the build. `live`: the dependencies of the live deployment.
    async fn build(
        &self,
        slug: &Slug,
        tree: &SourceTree,
        request: &DeployRequest,
        preview: Option<&PreviewTarget>,
        live: &[Dependency],
    ) -> Result<Built, ControlError> {
        let types = if request.check {
            TypeCheck::Run
        } else {
            TypeCheck::Skip
        };
        let function_limits = self.limits_of(slug);
        let began = Instant::now();
        let secrets = match (preview, self.registry.function(slug.as_str())) {
            (Some(opened), _) => self.build_secrets(&opened.function)?,
            (None, Some(function)) => self.build_secrets(&function)?,
            (None, None) => {
                let inherited = self.registry.organisation_secrets.load();
                let secrets = engine_host::decrypted(self.store.vault(), &inherited);
                secrets.map_err(BuildError::Secrets)?
            }
        };
        let remote = if request.reload {
            RemoteSource::Hosts
        } else {
            RemoteSource::Kept(live)
        };
        let built = self
            .engine
            .build(
                slug,
                tree,
                &request.settings,
                (types, remote),
                &function_limits,
                secrets,
            )
            .await;
        let metrics = self.metrics();
        let builds = match &built {
            Ok(_) => &metrics.builds,
            Err(_) => &metrics.failed_builds,
        };
        builds.record(began.elapsed());
        let is_new = preview.is_none() && self.registry.function(slug.as_str()).is_none();
        Ok(built.map_err(|error| {
            if is_new {
                error.before_first_deploy(slug)
            } else {
                error
            }
        })?)
    }

    /// Returns the result for an upload that is already live, or that its preview already serves. `None` if the upload
    /// must be built.
    async fn unchanged(
        self: &Arc<Self>,
        actor: &Actor,
        slug: &Slug,
        digest: &str,
        preview: Option<&PreviewTarget>,
    ) -> Result<Option<DeployResult>, ControlError> {
        if let Some(opened) = preview {
            return self.extended(actor, slug, digest, opened).await;
        }
        let Some(known) = self.registry.function(slug.as_str()) else {
            return Ok(None);
        };
        let function = self.store.function(slug).await?.record;
        let Some(live) = function
            .live
            .filter(|live| live.digest.as_deref() == Some(digest))
        else {
            return Ok(None);
        };
        let deployment = self.store.deployment(&known.id, &live.id).await?;
        Ok(Some(DeployResult {
            files: deployment.files.clone(),
            dependencies: deployment.dependencies.clone(),
            deployment: Some(deployment.into()),
            already_live: true,
            ..self.result_for(function.slug, None)
        }))
    }

    /// Returns a result with the URLs and the id of the function. All other fields are empty.
    pub(super) fn result_for(&self, slug: Slug, preview: Option<&PreviewTarget>) -> DeployResult {
        let known = self.registry.function(slug.as_str());
        let (url, local_url) = match preview {
            Some(opened) => self.urls_of(&opened.function),
            None => (
                self.domain.url(slug.as_str()),
                self.domain.local_url(slug.as_str()),
            ),
        };
        DeployResult {
            deployment: None,
            url,
            local_url,
            function: slug,
            function_id: known.map(|function| function.id.clone()),
            token: None,
            files: Vec::new(),
            unused: Vec::new(),
            dependencies: Vec::new(),
            warnings: Vec::new(),
            already_live: false,
            breaking: Vec::new(),
            schedules: Vec::new(),
            preview: None,
        }
    }

    fn breaking(&self, slug: &Slug, manifest: &Manifest) -> Vec<BreakingChange> {
        let live = self.registry.live(slug);
        live.map_or_else(Vec::new, |live| {
            compatibility::breaking_changes(&live.manifest, manifest)
        })
    }

    async fn store_and_activate(
        self: &Arc<Self>,
        deploy: Deploy,
    ) -> Result<DeployResult, ControlError> {
        let Deploy {
            id,
            preview,
            actor,
            slug,
            tree,
            digest,
            built,
            breaking,
            schedules,
            first_token: rule,
            smoke,
            note,
        } = deploy;
        let sources = kept_sources(&tree, &built);
        let assets = built.bundle.assets_archive(&sources);
        let stored = jelou_store::ArtifactRecord {
            bundle: built.bundle.code.clone(),
            source_map: Some(built.bundle.source_map.clone()),
            sources,
            assets: assets.map_err(ArtifactError::Io)?,
        };
        let (files, unused) = summarize(&tree, &built);
        let hash = stored.hash();
        // Written to disk before the deployment goes live, because a call never reads the database.
        let bundle = built.bundle;
        self.engine.artifacts().put(&hash.to_string(), &bundle)?;
        let function = self.function_for(preview.as_ref(), &slug)?;
        let live = self.new_live(&function, id.clone(), hash, built.manifest.clone());
        let candidate = self.prepare(&function, live, &smoke, 0).await?;
        let new = NewDeployment {
            id,
            new_function: function.id.clone(),
            slug,
            artifact: stored,
            manifest: built.manifest,
            entrypoint: tree.entrypoint().to_owned(),
            files: files.clone(),
            dependencies: built.dependencies.clone(),
            digest,
            provenance: note.provenance,
            message: note.message,
            tag: note.tag,
            pinned: note.pinned,
            kept: self.engine.limits().max_deployments,
            preview: preview.as_ref().map(|opened| opened.terms.clone()),
        };
        let (dependencies, warnings) = (built.dependencies, built.warnings);
        let remote = built.remote;
        self.change(|control| async move {
            if control.registry.function(function.slug.as_str()).is_none() {
                // The organisation's secrets may have changed since. Such a change updates only functions that are in
                // the registry.
                let secrets = control.registry.with_inherited(Vec::new());
                function.secrets.store(Arc::new(secrets));
            }
            let candidate = control.refreshed(&function, candidate).await?;
            // Another change may have deleted an equal artifact in the meantime.
            let artifacts = control.engine.artifacts();
            if !artifacts.holds(&hash.to_string()) {
                artifacts.put(&hash.to_string(), &bundle)?;
            }
            let mut minted = None;
            let first_token = || {
                if rule == FirstToken::Skip {
                    return Ok(None);
                }
                control.may_create_tokens()?;
                let token = minted.insert(mint()?);
                Ok::<_, ControlError>(Some(NewRuntimeToken {
                    name: TokenName::first_deployment(),
                    hash: token.hash(),
                    prefix: token.display_prefix(),
                    expires_at: control.first_expiry(),
                    policy: TokenPolicy::default(),
                    labels: TokenLabels::default(),
                }))
            };
            let own = match &preview {
                Some(opened) => control.own_secrets(&opened.terms.id).await?,
                None => Vec::new(),
            };
            let deployed = control.store.deploy(&actor, new, first_token).await?;
            let result = match &preview {
                Some(opened) => control.apply_preview(opened, own, candidate, deployed, minted),
                None => {
                    control.keep_remote_modules(&function.slug, &remote);
                    control.apply(&function, candidate, deployed, minted)
                }
            };
            Ok(DeployResult {
                files,
                unused,
                dependencies,
                warnings,
                breaking,
                schedules,
                ..result
            })
        })
        .await
    }

    /// Applies a stored deployment to the registry. `prepared` is the function that the candidate's processes belong
    /// to.
    fn apply(
        &self,
        prepared: &Arc<Function>,
        candidate: Candidate,
        deployed: Deployed,
        minted: Option<RuntimeToken>,
    ) -> DeployResult {
        let record = deployed.function;
        let function = self
            .registry
            .function(record.slug.as_str())
            .unwrap_or_else(|| {
                let function = if prepared.id == record.id {
                    Arc::clone(prepared)
                } else {
                    Arc::new(self.new_function(record.id.clone(), record.slug.clone()))
                };
                self.registry.put_function(Arc::clone(&function));
                function
            });
        let created = self.first_token(deployed.token, minted);
        let id = deployed.deployment.id.clone();
        let replaced = if function.id == prepared.id {
            candidate.activate(&function)
        } else if let Some(live) = record.live {
            // A different function has the slug now, so the candidate's processes were started for the wrong one.
            function.swap_live(self.live(&function, live))
        } else {
            None
        };
        let message = match &replaced {
            Some(former) => format!(
                "{id} is live and replaces {}",
                former.slot.spec().deployment
            ),
            None => format!("{id} is live"),
        };
        self.event(&function.id, Some(id), "deployment.live", message);
        self.retire(replaced);
        self.cron.refresh();
        self.remove_artifacts(&deployed.deleted_artifacts);
        DeployResult {
            deployment: Some(deployed.deployment.into()),
            function_id: Some(record.id),
            token: created,
            ..self.result_for(record.slug, None)
        }
    }

    /// Makes the token of the first deployment valid, and returns it.
    pub(super) fn first_token(
        &self,
        stored: Option<RuntimeTokenRecord>,
        minted: Option<RuntimeToken>,
    ) -> Option<CreatedToken> {
        stored.zip(minted).map(|(record, token)| {
            self.registry.tokens.put((&record).into());
            CreatedToken {
                token: token.expose().to_owned(),
                details: record.into(),
                warnings: Vec::new(),
            }
        })
    }

    /// Removes the copies of deleted artifacts on disk. If that fails, the next start of the server removes the copy.
    pub(super) fn remove_artifacts(&self, deleted: &[jelou_store::ArtifactHash]) {
        for hash in deleted {
            if let Err(error) = self.engine.artifacts().remove(&hash.to_string()) {
                tracing::warn!(%error, "cannot remove the copy of a deleted artifact");
            }
        }
    }

    /// Returns the function of a deploy. A new one is not in the registry yet.
    fn function_for(
        &self,
        preview: Option<&PreviewTarget>,
        slug: &Slug,
    ) -> Result<Arc<Function>, ControlError> {
        if let Some(opened) = preview {
            return Ok(Arc::clone(&opened.function));
        }
        if let Some(known) = self.registry.function(slug.as_str()) {
            return Ok(known);
        }
        let new = self.new_function(FunctionId::generate(), slug.clone());
        // Registers the secrets for masking before the first process can log them.
        self.build_secrets(&new)?;
        Ok(Arc::new(new))
    }

    fn new_function(&self, id: FunctionId, slug: Slug) -> Function {
        let settings = self.settings_in_force(&FunctionSettings::default());
        let secrets = self.registry.with_inherited(Vec::new());
        Function::new(id, slug, secrets, settings)
    }
}

/// Returns the files of the upload that are stored with the deployment.
fn kept_sources(tree: &SourceTree, built: &Built) -> Vec<SourceFile> {
    let files = tree.files().iter();
    let kept = files.filter(|file| built.files.contains_key(&file.path));
    kept.cloned().collect()
}

/// Returns the files of the deployment, and the files of the upload that the deployment does not have.
fn summarize(tree: &SourceTree, built: &Built) -> (Vec<FileSummary>, Vec<FileSummary>) {
    let files = tree.files().iter().map(|file| FileSummary {
        kind: built.files.get(&file.path).copied(),
        ..FileSummary::from(file)
    });
    files.partition(|file| file.kind.is_some())
}

/// Returns the part of a stored artifact that the engine caches on disk.
///
/// # Errors
///
/// The archive of the assets is damaged.
pub(crate) fn bundle_of(stored: jelou_store::ArtifactRecord) -> std::io::Result<Bundle> {
    Ok(Bundle {
        code: stored.bundle,
        source_map: stored.source_map.unwrap_or_default(),
        assets: Bundle::assets_of(stored.assets, &stored.sources)?,
        compiled: None,
    })
}
