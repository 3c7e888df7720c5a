//! Previews: opened by a deploy, served beside the live deployment, and deleted when they expire.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jelou_core::api::{DeployResult, OpenPreview, Preview};
use jelou_core::{DeploymentId, PreviewId, PreviewName, Slug};
use jelou_engine::build::BuildError;
use jelou_store::{
    Actor, Deployed, NewPreview, PreviewRecord, PreviewTerms, Readable, SecretOwner, SecretRecord,
};
use jelou_token::RuntimeToken;
use zeroize::Zeroizing;

use super::candidate::Candidate;
use super::follow::terms_of;
use super::{Control, ControlError};
use crate::engine_host;
use crate::registry::{self, Function};

const DAY: u64 = 24 * 60 * 60;
const DEFAULT_EXPIRES_IN: u64 = 14 * DAY;
const MAX_EXPIRES_IN: u64 = 365 * DAY;
/// How often the server deletes expired previews. From their expiry on, they get no calls.
const SWEEP_PERIOD: Duration = Duration::from_secs(5);

/// The preview that a deploy targets.
#[derive(Debug, Clone)]
pub(super) struct PreviewTarget {
    pub(super) function: Arc<Function>,
    pub(super) name: PreviewName,
    /// The rules that the preview gets when the deploy succeeds.
    pub(super) terms: PreviewTerms,
    /// Whether the deploy created the preview.
    is_new: bool,
}

impl Control {
    pub(crate) async fn previews(&self, slug: &Slug) -> Result<Readable<Preview>, ControlError> {
        let function = self.store.function_id(slug).await?;
        let previews = self.store.list_previews(&function).await?;
        Ok(previews.map(|record| self.described_preview(slug, record)))
    }

    /// Creates a preview without a deployment, for instance to set its secrets first.
    pub(crate) async fn create_preview(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        open: OpenPreview,
    ) -> Result<Preview, ControlError> {
        let owner = self.owner(&slug).await?;
        let Some(name) = open.name.clone() else {
            return Err(ControlError::Invalid {
                detail: "the preview has no name".to_owned(),
                hint: "send a `name`, such as pr-7; only a deploy can choose one",
            });
        };
        let terms = self.terms(&owner, &name, &open, PreviewId::generate())?;
        self.change(|control| async move {
            let (_, record) = control.add_preview(&actor, &owner, &name, terms).await?;
            Ok(control.described_preview(&slug, record))
        })
        .await
    }

    pub(crate) async fn delete_preview(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        name: PreviewName,
    ) -> Result<(), ControlError> {
        self.change(|control| async move {
            let function = control.store.function_id(&slug).await?;
            let deleted = control.store.delete_preview(&actor, &function, &name);
            control.drop_preview(&deleted.await?);
            Ok(())
        })
        .await
    }

    /// Finds or creates the preview that a deploy targets. A dry run creates none.
    pub(super) async fn open_preview(
        self: &Arc<Self>,
        actor: &Actor,
        slug: &Slug,
        deployment: &DeploymentId,
        open: &OpenPreview,
        is_dry_run: bool,
    ) -> Result<PreviewTarget, ControlError> {
        let owner = self.owner(slug).await?;
        let of_id = || PreviewName::of_deployment(deployment);
        let name = open.name.clone().unwrap_or_else(of_id);
        let mut terms = self.terms(&owner, &name, open, PreviewId::generate())?;
        let actor = actor.clone();
        let control = Arc::clone(self);
        let find_or_add = move |is_dry_run| async move {
            let now_ms = control.clock.now_ms();
            let known = owner.previews.named(name.as_str(), now_ms);
            let is_new = known.is_none();
            let function = match known {
                Some(known) => {
                    if let Some(preview) = &known.preview {
                        terms.id = preview.id.clone();
                    }
                    known
                }
                None if is_dry_run => {
                    let preview = registry::Preview::new(name.clone(), &terms);
                    Arc::new(owner.new_preview(preview, Vec::new()))
                }
                None => {
                    let added = control.add_preview(&actor, &owner, &name, terms.clone());
                    added.await?.0
                }
            };
            Ok(PreviewTarget {
                function,
                name,
                terms,
                is_new,
            })
        };
        if is_dry_run {
            return find_or_add(true).await;
        }
        self.change(|_| find_or_add(false)).await
    }

    /// Deletes the preview that a failed deploy created.
    pub(super) async fn discard_preview(self: &Arc<Self>, actor: Actor, opened: &PreviewTarget) {
        if !opened.is_new {
            return;
        }
        let (function, name) = (Arc::clone(&opened.function), opened.name.clone());
        let discarded = self.change(|control| async move {
            // Another deploy may use the preview now.
            if function.live.load().is_none() {
                let deleted = control.store.delete_preview(&actor, &function.id, &name);
                control.drop_preview(&deleted.await?);
            }
            Ok(())
        });
        if let Err(error) = discarded.await {
            tracing::warn!(%error, "cannot delete the preview of a failed deploy; it stays empty until it expires");
        }
    }

    /// Returns the result for an upload that the preview already serves, and extends the preview. `None` if the upload
    /// must be built.
    pub(super) async fn extended(
        self: &Arc<Self>,
        actor: &Actor,
        slug: &Slug,
        digest: &str,
        opened: &PreviewTarget,
    ) -> Result<Option<DeployResult>, ControlError> {
        if opened.is_new {
            return Ok(None);
        }
        let function = &opened.function.id;
        let record = self.store.preview(function, &opened.name).await?;
        let has_same_terms = record.with_secrets == opened.terms.with_secrets
            && record.header_only == opened.terms.header_only;
        let served = record.served.filter(|_| has_same_terms);
        let is_same =
            |served: &jelou_store::LiveDeployment| served.digest.as_deref() == Some(digest);
        let Some(served) = served.filter(is_same) else {
            return Ok(None);
        };
        let (actor, slug, opened) = (actor.clone(), slug.clone(), opened.clone());
        self.change(|control| async move {
            let PreviewTarget {
                function,
                name,
                terms,
                ..
            } = &opened;
            let store = &control.store;
            let record = store
                .update_preview(&actor, &function.id, name, terms)
                .await?;
            if let Some(preview) = &function.preview {
                preview.set_terms(terms);
            }
            let deployment = store.deployment(&function.id, &served.id).await?;
            Ok(Some(DeployResult {
                files: deployment.files.clone(),
                dependencies: deployment.dependencies.clone(),
                deployment: Some(deployment.into()),
                already_live: true,
                preview: Some(control.described_preview(&slug, record)),
                ..control.result_for(slug.clone(), Some(&opened))
            }))
        })
        .await
    }

    /// Makes a preview serve a stored deployment. `own` are the secrets of the preview.
    pub(super) fn apply_preview(
        &self,
        opened: &PreviewTarget,
        own: Vec<SecretRecord>,
        candidate: Candidate,
        deployed: Deployed,
        minted: Option<RuntimeToken>,
    ) -> DeployResult {
        let PreviewTarget {
            function,
            name,
            terms,
            ..
        } = opened;
        let slug = function.slug.clone();
        let token = self.first_token(deployed.token, minted);
        let preview = function.preview.as_ref();
        let inherited = preview.is_some_and(registry::Preview::inherits);
        if let Some(preview) = preview {
            preview.set_terms(terms);
        }
        let replaced = if inherited == terms.with_secrets {
            candidate.activate(function)
        } else {
            // The candidate's processes were started with the earlier secrets.
            self.put_preview_secrets(function, own);
            let live = candidate.without_processes();
            live.and_then(|live| function.swap_live(self.with_new_slot(function, &live)))
        };
        let id = deployed.deployment.id.clone();
        let message = format!("{id} is the deployment of the preview {name}");
        self.event(&function.id, Some(id), "preview.live", message);
        self.retire(replaced);
        self.remove_artifacts(&deployed.deleted_artifacts);
        let record = deployed.preview;
        DeployResult {
            deployment: Some(deployed.deployment.into()),
            token,
            preview: record.map(|record| self.described_preview(&slug, record)),
            ..self.result_for(slug, Some(opened))
        }
    }

    /// Adds a stored preview to the registry.
    pub(crate) fn restore_preview(
        &self,
        owner: &Function,
        record: PreviewRecord,
        own: Vec<SecretRecord>,
    ) {
        let terms = terms_of(&record);
        let preview = owner.new_preview(registry::Preview::new(record.name, &terms), own);
        if let Some(served) = record.served {
            preview.swap_live(self.live(&preview, served));
        }
        owner.previews.put(Arc::new(preview));
    }

    /// Deletes previews soon after they expire.
    pub(crate) async fn expire_previews_periodically(self: Arc<Self>) {
        loop {
            tokio::time::sleep(SWEEP_PERIOD).await;
            let now_ms = self.clock.now_ms();
            let is_expired = |function: &Arc<Function>| {
                let preview = function.preview.as_ref();
                preview.is_some_and(|preview| preview.is_expired(now_ms))
            };
            if !self.registry.with_previews().iter().any(is_expired) {
                continue;
            }
            let deleted = self.change(|control| async move {
                let actor = Actor::system();
                for expired in control.store.delete_expired_previews(&actor).await? {
                    control.drop_preview(&expired);
                }
                Ok(())
            });
            // The next round retries. An expired preview gets no calls.
            if let Err(error) = deleted.await {
                tracing::warn!(%error, "cannot delete expired previews");
            }
        }
    }

    pub(super) async fn own_secrets(
        &self,
        preview: &PreviewId,
    ) -> Result<Vec<SecretRecord>, ControlError> {
        let owner = SecretOwner::Preview(preview.clone());
        Ok(self.store.sealed_secrets(&owner).await?)
    }

    /// Updates the secrets of a preview in the registry.
    pub(super) fn put_preview_secrets(&self, preview: &Function, own: Vec<SecretRecord>) {
        let owner = self.registry.function(preview.slug.as_str());
        if let (Some(facts), Some(owner)) = (&preview.preview, owner) {
            preview.secrets.store(Arc::new(facts.secrets(&owner, own)));
        }
    }

    /// Returns the decrypted secrets for the inspection of the code of a function or a preview.
    pub(crate) fn build_secrets(
        &self,
        function: &Function,
    ) -> Result<BTreeMap<String, Zeroizing<String>>, ControlError> {
        let secrets = engine_host::unsealed(self.store.vault(), &self.logs, function);
        Ok(secrets.map_err(BuildError::Secrets)?)
    }

    /// Returns scheme and authority of the URL of a function or a preview. A preview without an address has the URL of
    /// its function.
    pub(super) fn url_of(&self, function: &Function) -> String {
        self.urls_of(function).0
    }

    /// Returns the URL, and a URL for tools that cannot resolve names below `localhost`.
    pub(super) fn urls_of(&self, function: &Function) -> (String, Option<String>) {
        let slug = &function.slug;
        let preview = function.preview.as_ref();
        let label =
            preview.and_then(|preview| self.label(slug, &preview.name, preview.is_header_only()));
        let label = label.unwrap_or_else(|| slug.to_string());
        (self.domain.url(&label), self.domain.local_url(&label))
    }

    /// Returns the label of a preview's address, if it has an address.
    fn label(&self, slug: &Slug, name: &PreviewName, is_header_only: bool) -> Option<String> {
        if is_header_only {
            return None;
        }
        let label = name.label(slug).ok()?;
        self.registry.function(&label).is_none().then_some(label)
    }

    async fn owner(&self, slug: &Slug) -> Result<Arc<Function>, ControlError> {
        match self.registry.function(slug.as_str()) {
            Some(function) => Ok(function),
            None => {
                self.store.function_id(slug).await?;
                // Another request has just created the function.
                Err(ControlError::Overtaken(slug.clone()))
            }
        }
    }

    /// Checks the address and the expiry of a preview.
    fn terms(
        &self,
        owner: &Function,
        name: &PreviewName,
        open: &OpenPreview,
        id: PreviewId,
    ) -> Result<PreviewTerms, ControlError> {
        const INSTEAD: &str = "choose another name, or a preview without an address (`--header-only`): requests to the function reach it with the header `X-Jelou-Deployment: dep_...`";
        if !open.header_only {
            let label = name
                .label(&owner.slug)
                .map_err(|error| ControlError::Invalid {
                    detail: error.to_string(),
                    hint: INSTEAD,
                })?;
            if self.registry.function(&label).is_some() {
                return Err(ControlError::AddressTaken {
                    label,
                    hint: INSTEAD,
                });
            }
        }
        let expires_in = open.expires_in.unwrap_or(DEFAULT_EXPIRES_IN);
        if !(1..=MAX_EXPIRES_IN).contains(&expires_in) {
            return Err(ControlError::Invalid {
                detail: format!(
                    "expiresIn is {expires_in} seconds; a preview must end in 1 to {MAX_EXPIRES_IN} seconds (a year)"
                ),
                hint: "each deploy to the preview sets its end anew; 14 days by default",
            });
        }
        Ok(PreviewTerms {
            id,
            with_secrets: open.with_secrets,
            header_only: open.header_only,
            expires_at: self.after(expires_in),
        })
    }

    /// Stores a new preview and adds it to the registry. The caller runs inside [`Control::change`].
    async fn add_preview(
        &self,
        actor: &Actor,
        owner: &Arc<Function>,
        name: &PreviewName,
        terms: PreviewTerms,
    ) -> Result<(Arc<Function>, PreviewRecord), ControlError> {
        let preview = registry::Preview::new(name.clone(), &terms);
        let new = NewPreview {
            function: owner.id.clone(),
            name: name.clone(),
            terms,
            limit: self.engine.limits().max_previews,
        };
        let record = self.store.create_preview(actor, new).await?;
        let function = Arc::new(owner.new_preview(preview, Vec::new()));
        if let Some(expired) = owner.previews.put(Arc::clone(&function)) {
            self.retire(expired.live.swap(None));
        }
        Ok((function, record))
    }

    /// Removes a deleted preview from the registry, and drains its calls.
    fn drop_preview(&self, deleted: &PreviewRecord) {
        let functions = self.registry.functions();
        let owner = functions.iter().find(|one| one.id == deleted.function_id);
        if let Some(removed) = owner.and_then(|owner| owner.previews.remove(&deleted.id)) {
            self.retire(removed.live.swap(None));
        }
    }

    fn described_preview(&self, slug: &Slug, record: PreviewRecord) -> Preview {
        let label = self.label(slug, &record.name, record.header_only);
        Preview {
            url: label.as_deref().map(|label| self.domain.url(label)),
            local_url: label.and_then(|label| self.domain.local_url(&label)),
            name: record.name,
            function: slug.clone(),
            deployment: record.served.map(|served| served.id),
            with_secrets: record.with_secrets,
            header_only: record.header_only,
            secrets: record.secrets,
            created_by: record.created_by,
            created_at: record.created_at,
            updated_at: record.updated_at,
            expires_at: record.expires_at,
        }
    }
}
