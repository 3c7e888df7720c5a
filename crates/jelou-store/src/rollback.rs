//! Rollbacks: which deployment becomes live, and what has changed since it was.

use jelou_core::api::{ChangedSecret, SecretChange};
use jelou_core::{DeploymentId, FunctionId, SecretKey, Slug};
use serde_json::json;
use sqlx::AnyConnection;

use crate::actor::Actor;
use crate::change::{Action, Entry};
use crate::database::row::Columns;
use crate::deployments::{self, DeploymentRecord};
use crate::error::StoreError;
use crate::functions::{self, FunctionRecord};
use crate::store::Store;

/// What a rollback would change.
#[derive(Debug, Clone, PartialEq)]
pub struct RollbackPlan {
    /// The function.
    pub function: FunctionRecord,
    /// The deployment that would be live.
    pub target: DeploymentRecord,
    /// Secrets of the function that were set or deleted since the target was live, by key.
    pub changed_secrets: Vec<ChangedSecret>,
}

/// The outcome of a rollback.
#[derive(Debug, Clone, PartialEq)]
pub struct RolledBack {
    /// The function, with `deployment` live.
    pub function: FunctionRecord,
    /// The live deployment.
    pub deployment: DeploymentRecord,
    /// The deployment that was live before; equal to `deployment` when nothing changed.
    pub previous_live: Option<DeploymentId>,
}

impl Store {
    /// The rollback to `target`, or to the last deployment that was live and healthy. Changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the function has no such deployment, [`StoreError::Conflict`] when no earlier
    /// deployment is healthy, [`StoreError::Database`].
    pub async fn plan_rollback(
        &self,
        function: &FunctionId,
        target: Option<&DeploymentId>,
    ) -> Result<RollbackPlan, StoreError> {
        let mut state = self.database.snapshot().await?;
        let function = functions::find_by_id(&mut *state, function).await?;
        let target = wanted(&mut state, &function, target).await?;
        let changed_secrets = changed_secrets(&mut state, &function.slug, &target.id).await?;
        Ok(RollbackPlan {
            function,
            target,
            changed_secrets,
        })
    }

    /// Makes another deployment of the function live: `target`, or the last one that was live and healthy. A deployment
    /// that is left for an older one counts as not healthy until it is made live again. Thus a second call without a
    /// target goes back one more. A target that is already live changes nothing.
    ///
    /// # Errors
    /// As [`Store::plan_rollback`].
    pub async fn rollback(
        &self,
        actor: &Actor,
        function: &FunctionId,
        target: Option<&DeploymentId>,
        reason: Option<&str>,
    ) -> Result<RolledBack, StoreError> {
        let mut change = self.change(actor).await?;
        let before = functions::find_by_id(&mut *change.connection(), function).await?;
        let previous_live = before.live.as_ref().map(|live| live.id.clone());
        let wanted = wanted(change.connection(), &before, target).await?;
        if !wanted.live {
            let at = change.now();
            let detail = reason.map(|reason| format!("{}: {reason}", wanted.id));
            let entry = Entry {
                action: Action::DeploymentRollback,
                function: Some(&before.slug),
                target: wanted.id.as_str(),
                detail: detail.as_deref(),
            };
            let live = |id: &DeploymentId| json!({ "live": id });
            let (left, now_live) = (previous_live.as_ref().map(live), live(&wanted.id));
            let revision = change
                .record_difference(entry, left, Some(now_live))
                .await?;
            if let Some(left) = &previous_live {
                sqlx::query(
                    "UPDATE deployments SET rolled_back_at = $1 WHERE id = $2 \
                     AND revision > (SELECT target.revision FROM deployments target WHERE target.id = $3)",
                )
                .bind(at.as_millisecond())
                .bind(left.as_str())
                .bind(wanted.id.as_str())
                .execute(change.connection())
                .await?;
            }
            deployments::mark_live(change.connection(), function, &wanted.id, revision, at).await?;
        }
        let deployment =
            deployments::find_of(&mut *change.connection(), function, &wanted.id).await?;
        let function = functions::find_by_id(&mut *change.connection(), function).await?;
        change.commit().await?;
        Ok(RolledBack {
            function,
            deployment,
            previous_live,
        })
    }
}

async fn wanted(
    connection: &mut AnyConnection,
    function: &FunctionRecord,
    target: Option<&DeploymentId>,
) -> Result<DeploymentRecord, StoreError> {
    if let Some(id) = target {
        return deployments::find_of(connection, &function.id, id).await;
    }
    deployments::last_healthy(connection, &function.id)
        .await?
        .ok_or_else(|| {
            StoreError::conflict(format!(
                "`{}` has no earlier deployment that was live and healthy",
                function.slug
            ))
        })
}

/// Reads the audit trail, because a deleted secret has no row.
async fn changed_secrets(
    connection: &mut AnyConnection,
    slug: &Slug,
    target: &DeploymentId,
) -> Result<Vec<ChangedSecret>, StoreError> {
    let mut changed: Vec<ChangedSecret> = Vec::new();
    let rows = sqlx::query(
        "SELECT a.target, a.action FROM audit a WHERE a.function_slug = $1 \
         AND a.action IN ('secret.set', 'secret.delete') AND a.id > \
         (SELECT COALESCE(d.left_revision, d.live_revision, d.revision) FROM deployments d \
          JOIN functions f ON f.id = d.function_id WHERE d.id = $2 AND d.id <> f.live_deployment_id) \
         ORDER BY a.target, a.id DESC",
    )
    .bind(slug.as_str())
    .bind(target.as_str())
    .fetch_all(connection)
    .await?;
    for row in rows {
        let key: SecretKey = row.parsed("target")?;
        // The newest change of each key.
        if changed.last().is_none_or(|last| last.key != key) {
            let change = if row.text("action")? == Action::SecretDelete.as_str() {
                SecretChange::Deleted
            } else {
                SecretChange::Set
            };
            changed.push(ChangedSecret { key, change });
        }
    }
    Ok(changed)
}
