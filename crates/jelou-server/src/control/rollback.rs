//! Rollbacks and promotions: an existing deployment goes live from its stored artifact, without a build.

use std::sync::Arc;

use jelou_core::api::{PromoteRequest, RollbackRequest, RollbackResult};
use jelou_core::{DeploymentId, Slug, provenance};
use jelou_engine::ArtifactError;
use jelou_store::{ActivationKind, Actor, ArtifactHash, RollbackPlan};

use super::deploy::bundle_of;
use super::deployments::schedules;
use super::{Control, ControlError};

/// Who makes a deployment live, how, and why.
struct Choice {
    actor: Actor,
    way: ActivationKind,
    /// Whether the request names the deployment.
    is_named: bool,
    reason: Option<String>,
}

impl Control {
    /// Makes an earlier deployment live. After an error, the live deployment stays.
    pub(crate) async fn rollback(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        request: RollbackRequest,
    ) -> Result<RollbackResult, ControlError> {
        self.go_live(actor, slug, request, ActivationKind::Rollback)
            .await
    }

    /// Makes a deployment live, usually the deployment of a preview. After an error, the live deployment stays.
    pub(crate) async fn promote(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        id: DeploymentId,
        request: PromoteRequest,
    ) -> Result<RollbackResult, ControlError> {
        let request = RollbackRequest {
            deployment: Some(id),
            reason: request.reason,
            dry_run: request.dry_run,
        };
        self.go_live(actor, slug, request, ActivationKind::Promote)
            .await
    }

    async fn go_live(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        request: RollbackRequest,
        way: ActivationKind,
    ) -> Result<RollbackResult, ControlError> {
        let function = self.store.function_id(&slug).await?;
        let target = request.deployment.as_ref();
        let plan = self.store.plan_rollback(&function, target, way).await?;
        if request.dry_run || plan.target.live {
            return Ok(self.planned(plan));
        }
        let choice = Choice {
            actor,
            way,
            is_named: request.deployment.is_some(),
            reason: request.reason.as_deref().and_then(provenance::clean),
        };
        let control = Arc::clone(self);
        // Runs in a separate task, so that it completes even if the caller disconnects. Otherwise a process could be
        // left without its deployment.
        let task = tokio::spawn(async move { control.activate_existing(choice, plan).await });
        task.await.map_err(|_| ControlError::Interrupted)?
    }

    async fn activate_existing(
        self: &Arc<Self>,
        choice: Choice,
        plan: RollbackPlan,
    ) -> Result<RollbackResult, ControlError> {
        let slug = plan.function.slug.clone();
        let Some(function) = self.registry.function(slug.as_str()) else {
            return Err(ControlError::Overtaken(slug));
        };
        self.provide_artifact(plan.target.artifact_hash).await?;
        let target = &plan.target;
        let live = self.new_live(
            &function,
            target.id.clone(),
            target.artifact_hash,
            target.manifest.clone(),
        );
        // A deployment that was never live must start a process: the secrets may differ from those that its code was
        // inspected with.
        let least = usize::from(!target.was_live);
        let candidate = self.prepare(&function, live, &[], least).await?;
        self.change(|control| async move {
            let before = plan.function.live.as_ref().map(|live| &live.id);
            // Without a named deployment, the target was chosen for this live deployment.
            if !choice.is_named && live_id(&function) != before.cloned() {
                return Err(ControlError::Overtaken(plan.function.slug));
            }
            let candidate = control.refreshed(&function, candidate).await?;
            let target = &plan.target.id;
            let (id, reason) = (&plan.function.id, choice.reason.as_deref());
            let rolled_back = control
                .store
                .rollback(&choice.actor, id, Some(target), choice.way, reason)
                .await?;
            control.retire(candidate.activate(&function));
            control.cron.refresh();
            let id = target.clone();
            let (event, message) = match choice.way {
                ActivationKind::Rollback => {
                    ("deployment.rolled_back", format!("rolled back to {id}"))
                }
                ActivationKind::Promote => (
                    "deployment.promoted",
                    format!("{id} was promoted and is live"),
                ),
            };
            control.event(&function.id, Some(id), event, message);
            Ok(RollbackResult {
                deployment: rolled_back.deployment.into(),
                replaces: rolled_back.previous_live,
                ..control.planned(plan)
            })
        })
        .await
    }

    fn planned(&self, plan: RollbackPlan) -> RollbackResult {
        let slug = plan.function.slug;
        RollbackResult {
            schedules: schedules(&plan.target.manifest),
            deployment: plan.target.into(),
            replaces: plan.function.live.map(|live| live.id),
            changed_secrets: plan.changed_secrets,
            missing_secrets: plan.missing_secrets,
            url: self.domain.url(slug.as_str()),
            local_url: self.domain.local_url(slug.as_str()),
            function: slug,
        }
    }

    /// Writes the artifact to disk if no intact copy is there, because a start of a process never reads the database.
    pub(super) async fn provide_artifact(&self, hash: ArtifactHash) -> Result<(), ControlError> {
        let name = hash.to_string();
        if !self.engine.artifacts().holds(&name) {
            let stored = self.store.artifact(hash).await?;
            let bundle = bundle_of(stored).map_err(ArtifactError::Io)?;
            self.engine.artifacts().put(&name, &bundle)?;
        }
        Ok(())
    }
}

fn live_id(function: &crate::registry::Function) -> Option<DeploymentId> {
    let live = function.live.load();
    live.as_ref()
        .map(|live| live.slot.spec().deployment.clone())
}
