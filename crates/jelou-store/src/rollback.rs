//! Rollbacks and promotions: select the deployment that becomes live, and report what has changed since it was live.

use jelou_core::api::{ChangedSecret, SecretChange};
use jelou_core::{DeploymentId, FunctionId, SecretKey};
use serde_json::json;

use crate::actor::Actor;
use crate::change::{Action, Entry};
use crate::database::Connection;
use crate::database::row::Columns;
use crate::deployments::{self, DeploymentRecord};
use crate::error::StoreError;
use crate::functions::{self, FunctionRecord};
use crate::store::Store;
use crate::vault::SecretOwner;

/// The effects that a rollback would have.
#[derive(Debug, Clone, PartialEq)]
pub struct RollbackPlan {
    pub function: FunctionRecord,
    /// The deployment that would become live.
    pub target: DeploymentRecord,
    /// The secrets of the function, and those that it inherits, that were set or deleted since the target was last
    /// live, sorted by key.
    pub changed_secrets: Vec<ChangedSecret>,
    /// Keys of secrets that the target's previews have and neither the function nor the organisation has.
    pub missing_secrets: Vec<SecretKey>,
}

/// How an existing deployment becomes live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivationKind {
    /// Restores a deployment that was live before. If the replaced deployment is newer, it becomes unhealthy.
    Rollback,
    /// Makes any deployment live, such as the one of a preview. The health of the replaced deployment does not change.
    Promote,
}

/// The result of a rollback.
#[derive(Debug, Clone, PartialEq)]
pub struct RolledBack {
    /// The function, with `deployment` as its live deployment.
    pub function: FunctionRecord,
    /// The deployment that is live now.
    pub deployment: DeploymentRecord,
    /// The deployment that was live before. Equal to `deployment` if nothing changed.
    pub previous_live: Option<DeploymentId>,
}

impl Store {
    /// Plans to make `target` live, or the healthy deployment that was live most recently. Changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the function has no such deployment; [`StoreError::Conflict`] when no earlier
    /// deployment is healthy, or a rollback names a deployment that was never live; [`StoreError::Database`].
    pub async fn plan_rollback(
        &self,
        function: &FunctionId,
        target: Option<&DeploymentId>,
        way: ActivationKind,
    ) -> Result<RollbackPlan, StoreError> {
        let mut state = self.database.snapshot().await?;
        let function = functions::find_by_id(&mut state, function).await?;
        let target = find_target(&mut state, &function, target, way).await?;
        let changed_secrets = changed_secrets(&mut state, &function, &target.id).await?;
        let missing_secrets = missing_secrets(&mut state, &function.id, &target.id).await?;
        Ok(RollbackPlan {
            function,
            target,
            changed_secrets,
            missing_secrets,
        })
    }

    /// Makes `target` live, or the healthy deployment that was live most recently. With [`ActivationKind::Rollback`], a
    /// newer replaced deployment counts as unhealthy until it is made live again. Thus a second rollback without a
    /// target goes back one deployment further. If the target is already live, nothing changes.
    ///
    /// # Errors
    /// Those of [`Store::plan_rollback`].
    pub async fn rollback(
        &self,
        actor: &Actor,
        function: &FunctionId,
        target: Option<&DeploymentId>,
        way: ActivationKind,
        reason: Option<&str>,
    ) -> Result<RolledBack, StoreError> {
        let mut change = self.change(actor).await?;
        let before = functions::find_by_id(&mut *change.connection(), function).await?;
        let previous_live = before.live.as_ref().map(|live| live.id.clone());
        let wanted = find_target(change.connection(), &before, target, way).await?;
        if !wanted.live {
            let at = change.now();
            let detail = reason.map(|reason| format!("{}: {reason}", wanted.id));
            let entry = Entry {
                action: match way {
                    ActivationKind::Rollback => Action::DeploymentRollback,
                    ActivationKind::Promote => Action::DeploymentPromote,
                },
                function: Some(&before.slug),
                target: wanted.id.as_str(),
                detail: detail.as_deref(),
            };
            let live = |id: &DeploymentId| json!({ "live": id });
            let (left, now_live) = (previous_live.as_ref().map(live), live(&wanted.id));
            let revision = change.record(entry, left, Some(now_live)).await?;
            if let (Some(left), ActivationKind::Rollback) = (&previous_live, way) {
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

async fn find_target(
    connection: &mut Connection,
    function: &FunctionRecord,
    target: Option<&DeploymentId>,
    way: ActivationKind,
) -> Result<DeploymentRecord, StoreError> {
    if let Some(id) = target {
        let wanted = deployments::find_of(connection, &function.id, id).await?;
        if way == ActivationKind::Rollback && !wanted.was_live {
            return Err(StoreError::conflict(format!(
                "`{id}` was never live; `jelou deployments promote` makes it live"
            )));
        }
        return Ok(wanted);
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

async fn missing_secrets(
    connection: &mut Connection,
    function: &FunctionId,
    target: &DeploymentId,
) -> Result<Vec<SecretKey>, StoreError> {
    let rows = sqlx::query(
        "SELECT DISTINCT s.key FROM secrets s JOIN previews p ON p.id = s.owner \
         WHERE p.function_id = $1 AND p.deployment_id = $2 \
         AND s.key NOT IN (SELECT key FROM secrets WHERE owner IN ($1, $3)) ORDER BY s.key",
    )
    .bind(function.as_str())
    .bind(target.as_str())
    .bind(SecretOwner::Organisation.to_string())
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok(row.parsed("key")?)).collect()
}

/// Returns the secrets that changed since the target was live. Reads the audit trail, because a deleted secret has no
/// row. A change of the organisation counts unless the function has a secret of its own with this key.
async fn changed_secrets(
    connection: &mut Connection,
    function: &FunctionRecord,
    target: &DeploymentId,
) -> Result<Vec<ChangedSecret>, StoreError> {
    let mut changed: Vec<ChangedSecret> = Vec::new();
    let rows = sqlx::query(
        "SELECT a.target, a.action FROM audit a WHERE (a.function_slug = $1 OR (a.function_slug IS NULL \
         AND a.target NOT IN (SELECT s.key FROM secrets s WHERE s.owner = $3))) \
         AND a.action IN ('secret.set', 'secret.delete', 'secret.rollback') AND a.id > \
         (SELECT COALESCE(d.left_revision, d.live_revision, d.revision) FROM deployments d \
          JOIN functions f ON f.id = d.function_id WHERE d.id = $2 AND d.id <> f.live_deployment_id) \
         ORDER BY a.target, a.id DESC",
    )
    .bind(function.slug.as_str())
    .bind(target.as_str())
    .bind(function.id.as_str())
    .fetch_all(connection)
    .await?;
    for row in rows {
        let key: SecretKey = row.parsed("target")?;
        // The first row of a key is its newest change.
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
