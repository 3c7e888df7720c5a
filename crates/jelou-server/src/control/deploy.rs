//! Deploys: build, start, store, make live.

use std::sync::Arc;
use std::time::Instant;

use jelou_core::api::{CreatedToken, DeployRequest, DeployResult, FileSummary, PlannedSchedule};
use jelou_core::compatibility::{self, BreakingChange};
use jelou_core::provenance::{self, MAX_TAG_BYTES};
use jelou_core::source::Declared;
use jelou_core::{
    DeploymentId, FunctionId, FunctionSettings, Manifest, Provenance, Slug, SmokeCall, SourceTree,
    TokenLabels, TokenName, TokenPolicy,
};
use jelou_engine::build::{Built, TypeCheck};
use jelou_engine::{ArtifactError, Bundle};
use jelou_store::{Actor, Deployed, NewDeployment, NewRuntimeToken};
use jelou_token::RuntimeToken;
use serde_json::{Map, Value};

use super::candidate::Candidate;
use super::tokens::mint;
use super::{Control, ControlError};
use crate::cron;
use crate::registry::Function;

/// Whether the first deployment of a function creates the token `default`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstToken {
    Create,
    Skip,
}

/// A deploy whose upload is built.
struct Deploy {
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

/// What the caller says about the deployment.
struct Note {
    provenance: Provenance,
    message: Option<String>,
    tag: Option<String>,
    pinned: bool,
}

impl Control {
    /// Builds an upload and makes it live. After an error, the live deployment stays.
    pub(crate) async fn deploy(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        request: DeployRequest,
    ) -> Result<DeployResult, ControlError> {
        check_smoke(&request.smoke)?;
        let note = Note {
            provenance: request.provenance.cleaned(),
            message: request.message.as_deref().and_then(provenance::clean),
            tag: checked_tag(request.tag)?,
            pinned: request.pin,
        };
        let declared = Declared {
            entrypoint: request.entrypoint.as_deref(),
            assets: &request.assets,
        };
        let limits = self.engine.limits().upload();
        let tree = SourceTree::new(request.files, declared, &limits)?;
        self.check_for_tokens(&tree)?;
        let digest = self.engine.digest(&tree, &request.settings);
        // A check of types or a dry run is about the build, so it builds.
        let is_build_wanted = request.force || request.check || request.dry_run;
        if !is_build_wanted && let Some(live) = self.already_live(&slug, &digest).await? {
            return Ok(live);
        }
        let types = if request.check {
            TypeCheck::Run
        } else {
            TypeCheck::Skip
        };
        let settings = &request.settings;
        let function_limits = self.limits_of(&slug);
        let began = Instant::now();
        let built = self
            .engine
            .build(&slug, &tree, settings, types, &function_limits)
            .await;
        let metrics = self.metrics();
        let builds = match &built {
            Ok(_) => &metrics.builds,
            Err(_) => &metrics.failed_builds,
        };
        builds.record(began.elapsed());
        let mut built = built?;
        built.manifest.openapi = openapi_of(settings, &tree)?;
        self.check_limits(&slug, &built.manifest)?;
        built.warnings.extend(self.keeps_fewer(&built.manifest));
        let upload = cron::check::Upload {
            tree: &tree,
            settings,
        };
        let (settings, now) = (self.cron.settings(), self.clock.now());
        let schedules = cron::check::planned(&built.manifest, &upload, settings, now)
            .map_err(ControlError::Schedules)?;
        let breaking = self.breaking(&slug, &built.manifest);
        if request.strict && !breaking.is_empty() {
            return Err(ControlError::Breaking(breaking));
        }
        if request.dry_run {
            let known = self.registry.function(slug.as_str());
            let (files, unused) = summarize(&tree, &built);
            return Ok(DeployResult {
                deployment: None,
                url: self.domain.url(slug.as_str()),
                local_url: self.domain.local_url(slug.as_str()),
                function_id: known.map(|function| function.id.clone()),
                function: slug,
                token: None,
                files,
                unused,
                dependencies: built.dependencies,
                warnings: built.warnings,
                already_live: false,
                breaking,
                schedules,
            });
        }
        if !request.force
            && let Some(live) = self.already_live(&slug, &digest).await?
        {
            return Ok(live);
        }
        let deploy = Deploy {
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
        // Completes even if the caller disconnects, so that no process is left without its deployment.
        let task = tokio::spawn(async move { control.put_live(deploy).await });
        task.await.map_err(|_| ControlError::Interrupted)?
    }

    /// The answer to an upload that is live already.
    async fn already_live(
        &self,
        slug: &Slug,
        digest: &str,
    ) -> Result<Option<DeployResult>, ControlError> {
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
            unused: Vec::new(),
            deployment: Some(deployment.into()),
            url: self.domain.url(slug.as_str()),
            local_url: self.domain.local_url(slug.as_str()),
            function: function.slug,
            function_id: Some(function.id),
            token: None,
            warnings: Vec::new(),
            already_live: true,
            breaking: Vec::new(),
            schedules: Vec::new(),
        }))
    }

    fn breaking(&self, slug: &Slug, manifest: &Manifest) -> Vec<BreakingChange> {
        let live = self.registry.live(slug);
        live.map_or_else(Vec::new, |live| {
            compatibility::breaking_changes(&live.manifest, manifest)
        })
    }

    async fn put_live(self: &Arc<Self>, deploy: Deploy) -> Result<DeployResult, ControlError> {
        let Deploy {
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
        let sources: Vec<_> = tree
            .files()
            .iter()
            .filter(|file| built.files.contains_key(&file.path))
            .cloned()
            .collect();
        let assets = built.bundle.assets_archive(&sources);
        let stored = jelou_store::ArtifactRecord {
            bundle: built.bundle.code.clone(),
            source_map: Some(built.bundle.source_map.clone()),
            sources,
            assets: assets.map_err(ArtifactError::Io)?,
        };
        let (files, unused) = summarize(&tree, &built);
        let hash = stored.hash();
        // Written to disk before the deployment is live, because a call never reads the database.
        let bundle = built.bundle;
        self.engine.artifacts().put(&hash.to_string(), &bundle)?;
        let function = self
            .registry
            .function(slug.as_str())
            .unwrap_or_else(|| Arc::new(self.new_function(FunctionId::generate(), slug.clone())));
        let id = DeploymentId::generate();
        let live = self.new_live(&function, id.clone(), hash, built.manifest.clone());
        let candidate = self.prepare(&function, live, &smoke).await?;
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
        };
        let (dependencies, warnings) = (built.dependencies, built.warnings);
        self.change(|control| async move {
            let candidate = control.refreshed(&function, candidate).await?;
            // An equal artifact may have been deleted in the meantime.
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
            let deployed = control.store.deploy(&actor, new, first_token).await?;
            Ok(DeployResult {
                files,
                unused,
                dependencies,
                warnings,
                breaking,
                schedules,
                ..control.apply(&function, candidate, deployed, minted)
            })
        })
        .await
    }

    /// `prepared` is the function that the candidate's processes belong to.
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
        let created = deployed.token.zip(minted).map(|(record, token)| {
            self.registry.tokens.put((&record).into());
            CreatedToken {
                token: token.expose().to_owned(),
                details: record.into(),
                warnings: Vec::new(),
            }
        });
        let id = deployed.deployment.id.clone();
        let replaced = if function.id == prepared.id {
            candidate.put_live(&function)
        } else if let Some(live) = record.live {
            // Another function has the slug now, so the processes of the candidate know the wrong one.
            function.put_live(self.live(&function, live))
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
            url: self.domain.url(record.slug.as_str()),
            local_url: self.domain.local_url(record.slug.as_str()),
            function: record.slug,
            function_id: Some(record.id),
            token: created,
            files: Vec::new(),
            unused: Vec::new(),
            dependencies: Vec::new(),
            warnings: Vec::new(),
            already_live: false,
            breaking: Vec::new(),
            schedules: Vec::new(),
        }
    }

    /// Removes the copies on disk. A copy that stays is removed at the next start.
    fn remove_artifacts(&self, deleted: &[jelou_store::ArtifactHash]) {
        for hash in deleted {
            if let Err(error) = self.engine.artifacts().remove(&hash.to_string()) {
                tracing::warn!(%error, "cannot remove the copy of a deleted artifact");
            }
        }
    }

    fn new_function(&self, id: FunctionId, slug: Slug) -> Function {
        let settings = self.settings_in_force(&FunctionSettings::default());
        Function::new(id, slug, Vec::new(), settings)
    }

    pub(crate) fn check_limits(
        &self,
        slug: &Slug,
        manifest: &Manifest,
    ) -> Result<(), ControlError> {
        let limits = self.limits_of(slug);
        let limit = limits.max_request_timeout_ms;
        for tool in &manifest.tools {
            if let Some(timeout) = tool.timeout_ms.filter(|timeout| *timeout > limit) {
                return Err(ControlError::Invalid {
                    detail: format!(
                        "`{}` has a timeout of {timeout} ms; the limit is {limit} ms ({})",
                        tool.name,
                        limits.told("max_request_timeout_ms")
                    ),
                    hint: "set a smaller `config.timeout`",
                });
            }
        }
        Ok(())
    }

    /// The warning for a function that wants more processes to stay loaded than the operator allows.
    fn keeps_fewer(&self, manifest: &Manifest) -> Option<String> {
        let (wanted, most) = (manifest.keep_warm, self.engine.limits().max_keep_warm);
        (wanted > most).then(|| {
            format!("keepWarm is {wanted}; this server keeps {most} (limits.max_keep_warm)")
        })
    }
}

/// The files of the deployment, and the files of the upload that the deployment does not have.
fn summarize(tree: &SourceTree, built: &Built) -> (Vec<FileSummary>, Vec<FileSummary>) {
    let files = tree.files().iter().map(|file| FileSummary {
        kind: built.files.get(&file.path).copied(),
        ..FileSummary::from(file)
    });
    files.partition(|file| file.kind.is_some())
}

fn check_smoke(calls: &[SmokeCall]) -> Result<(), ControlError> {
    const MAX: usize = 20;
    if calls.len() > MAX {
        return Err(ControlError::Invalid {
            detail: format!("there are {} smoke calls; the limit is {MAX}", calls.len()),
            hint: "leave some out",
        });
    }
    calls.iter().try_for_each(|call| {
        call.check().map_err(|error| ControlError::Invalid {
            detail: format!("the smoke call `{call}` is not valid: {error}"),
            hint: "nothing was changed",
        })
    })
}

fn checked_tag(tag: Option<String>) -> Result<Option<String>, ControlError> {
    let Some(tag) = tag else { return Ok(None) };
    let is_valid = !tag.is_empty()
        && tag.len() <= MAX_TAG_BYTES
        && !tag.contains(|c: char| c.is_whitespace() || c.is_control());
    if is_valid {
        return Ok(provenance::clean(&tag));
    }
    Err(ControlError::Invalid {
        detail: format!("the tag must have 1 to {MAX_TAG_BYTES} bytes, without spaces"),
        hint: "for example v1.4.0; `--message` takes a text",
    })
}

/// The OpenAPI document that the settings name.
pub(crate) fn openapi_of(
    settings: &Map<String, Value>,
    tree: &SourceTree,
) -> Result<Option<Value>, ControlError> {
    let Some(path) = settings.get("openapi").and_then(Value::as_str) else {
        return Ok(None);
    };
    let path = path.strip_prefix("./").unwrap_or(path);
    let invalid = |detail: String| ControlError::Invalid {
        detail,
        hint: "`openapi` in jelou.json is the path of a JSON file with an OpenAPI document",
    };
    let file = tree
        .file(path)
        .ok_or_else(|| invalid(format!("there is no file `{path}` in the upload")))?;
    let document: Value = serde_json::from_slice(&file.content)
        .map_err(|error| invalid(format!("`{path}` is not JSON: {error}")))?;
    if document
        .get("openapi")
        .is_none_or(|version| !version.is_string())
    {
        return Err(invalid(format!(
            "`{path}` has no member `openapi` with the version"
        )));
    }
    Ok(Some(document))
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
        assets: Bundle::assets_of(stored.assets, &stored.sources)?,
        compiled: None,
    })
}
