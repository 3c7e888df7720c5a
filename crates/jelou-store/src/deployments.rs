//! Deployments: their rows, and the rules for how many are kept.

use jelou_core::api::{Dependency, Deployment, FileSummary, Health};
use jelou_core::{DeploymentId, FunctionId, Manifest, PreviewName, Provenance};
use jiff::Timestamp;
use serde_json::json;
use sqlx::AnyExecutor;
use sqlx::any::AnyRow;

use crate::actor::Actor;
use crate::artifact::ArtifactHash;
use crate::change::{Action, Entry};
use crate::database::Connection;
use crate::database::row::Columns;
use crate::error::{Resource, StoreError};
use crate::readable::{Readable, readable};
use crate::store::Store;
use crate::{functions, previews};

/// An immutable build of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct DeploymentRecord {
    pub id: DeploymentId,
    pub function_id: FunctionId,
    /// Whether calls go to this deployment.
    pub live: bool,
    /// Whether calls have ever gone to this deployment. `false` for a preview's deployment until it is promoted.
    pub was_live: bool,
    /// Names of the previews that serve this deployment.
    pub previews: Vec<PreviewName>,
    pub artifact_hash: ArtifactHash,
    pub manifest: Manifest,
    /// Path of the entrypoint, relative to the upload's root.
    pub entrypoint: String,
    /// The uploaded files.
    pub files: Vec<FileSummary>,
    /// The packages and remote modules in the bundle.
    pub dependencies: Vec<Dependency>,
    pub bundle_bytes: u64,
    /// The commit and the pipeline of the files.
    pub provenance: Provenance,
    /// The purpose of the deploy.
    pub message: Option<String>,
    /// A label such as a version.
    pub tag: Option<String>,
    /// When the deployment was pinned. `None`: not pinned.
    pub pinned_at: Option<Timestamp>,
    /// When a rollback replaced the deployment by an older one. `None` if there was no such rollback, or if the
    /// deployment was made live again afterwards.
    pub rolled_back_at: Option<Timestamp>,
    /// Number of calls of the deployment, answered or not.
    pub calls: u64,
    /// Number of calls with a status of 500 or more.
    pub failed_calls: u64,
    /// Name of the access token that created the deployment.
    pub created_by: String,
    /// Time of the deploy.
    pub created_at: Timestamp,
}

impl DeploymentRecord {
    /// Returns the health of the deployment. A rollback without a target only selects a healthy deployment.
    pub fn health(&self) -> Health {
        if self.rolled_back_at.is_some() {
            Health::RolledBack
        } else if self.failed_calls * 2 > self.calls {
            Health::Failing
        } else {
            Health::Healthy
        }
    }

    pub(crate) fn of(self, function: &FunctionId) -> Option<Self> {
        (self.function_id == *function).then_some(self)
    }
}

impl From<DeploymentRecord> for Deployment {
    fn from(record: DeploymentRecord) -> Self {
        Self {
            health: record.health(),
            id: record.id,
            live: record.live,
            was_live: record.was_live,
            previews: record.previews,
            artifact: record.artifact_hash.to_string(),
            bundle_bytes: record.bundle_bytes,
            files: record.files,
            dependencies: record.dependencies,
            entrypoint: record.entrypoint,
            created_by: record.created_by,
            created_at: record.created_at,
            pinned: record.pinned_at.is_some(),
            provenance: record.provenance,
            message: record.message,
            tag: record.tag,
            calls: record.calls,
            failed_calls: record.failed_calls,
        }
    }
}

macro_rules! select_deployments {
    ($rest:literal) => {
        concat!(
            "SELECT d.id, d.function_id, d.artifact_hash, d.manifest, d.entrypoint, d.files, d.dependencies, d.bundle_bytes, ",
            "d.provenance, d.message, d.tag, d.pinned_at, d.rolled_back_at, d.live_revision, d.calls, d.failed_calls, ",
            "d.created_by, d.created_at, f.live_deployment_id ",
            "FROM deployments d JOIN functions f ON f.id = d.function_id ",
            $rest
        )
    };
}

impl Store {
    /// Returns the deployments of a function that can be read, newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_deployments(
        &self,
        function: &FunctionId,
    ) -> Result<Readable<DeploymentRecord>, StoreError> {
        let mut state = self.database.snapshot().await?;
        let rows = sqlx::query(select_deployments!(
            "WHERE d.function_id = $1 ORDER BY d.revision DESC"
        ))
        .bind(function.as_str())
        .fetch_all(&mut state)
        .await?;
        let mut deployments = readable(&rows, ("deployments", "id"), record)?;
        let names = previews::by_deployment(&mut state, function).await?;
        for (deployment, name) in names.rows {
            let mut rows = deployments.rows.iter_mut();
            if let Some(served) = rows.find(|one| one.id == deployment) {
                served.previews.push(name);
            }
        }
        deployments.unreadable.extend(names.unreadable);
        Ok(deployments)
    }

    /// Returns one deployment of a function.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] or [`StoreError::Database`].
    pub async fn deployment(
        &self,
        function: &FunctionId,
        id: &DeploymentId,
    ) -> Result<DeploymentRecord, StoreError> {
        let mut state = self.database.snapshot().await?;
        let mut deployment = find_of(&mut state, function, id).await?;
        let names = previews::by_deployment(&mut state, function).await?;
        let names = names.rows.into_iter().filter(|(served, _)| served == id);
        deployment.previews = names.map(|(_, name)| name).collect();
        Ok(deployment)
    }

    /// Pins a deployment, so that later deploys do not delete it, or unpins it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] or [`StoreError::Database`].
    pub async fn pin_deployment(
        &self,
        actor: &Actor,
        function: &FunctionId,
        id: &DeploymentId,
        pinned: bool,
    ) -> Result<DeploymentRecord, StoreError> {
        let mut change = self.change(actor).await?;
        let mut deployment = find_of(&mut *change.connection(), function, id).await?;
        if deployment.pinned_at.is_some() == pinned {
            return Ok(deployment);
        }
        let slug = functions::slug_of(&mut *change.connection(), function).await?;
        deployment.pinned_at = pinned.then(|| change.now());
        sqlx::query("UPDATE deployments SET pinned_at = $1 WHERE id = $2")
            .bind(deployment.pinned_at.map(Timestamp::as_millisecond))
            .bind(id.as_str())
            .execute(change.connection())
            .await?;
        let action = if pinned {
            Action::DeploymentPin
        } else {
            Action::DeploymentUnpin
        };
        let entry = Entry {
            action,
            function: Some(&slug),
            target: id.as_str(),
            detail: None,
        };
        let state = |pinned: bool| Some(json!({ "pinned": pinned }));
        change.record(entry, state(!pinned), state(pinned)).await?;
        change.commit().await?;
        Ok(deployment)
    }

    /// Adds to the counts of calls. Ignores deployments that no longer exist.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn add_calls(&self, counts: &[CallCount]) -> Result<(), StoreError> {
        if counts.is_empty() {
            return Ok(());
        }
        let mut write = self.database.write().await?;
        for count in counts {
            sqlx::query(
                "UPDATE deployments SET calls = calls + $1, failed_calls = failed_calls + $2 WHERE id = $3",
            )
            .bind(i64::try_from(count.calls).unwrap_or(i64::MAX))
            .bind(i64::try_from(count.failed).unwrap_or(i64::MAX))
            .bind(count.deployment.as_str())
            .execute(write.transaction())
            .await?;
        }
        Ok(write.commit().await?)
    }
}

/// Number of calls of a deployment since they were last stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallCount {
    pub deployment: DeploymentId,
    /// Number of all calls.
    pub calls: u64,
    /// Number of calls with a status of 500 or more.
    pub failed: u64,
}

pub(crate) async fn find_of(
    executor: impl AnyExecutor<'_>,
    function: &FunctionId,
    id: &DeploymentId,
) -> Result<DeploymentRecord, StoreError> {
    sqlx::query(select_deployments!("WHERE d.id = $1"))
        .bind(id.as_str())
        .fetch_optional(executor)
        .await?
        .as_ref()
        .map(record)
        .transpose()?
        .and_then(|deployment: DeploymentRecord| deployment.of(function))
        .ok_or_else(|| StoreError::not_found(Resource::Deployment, id))
}

/// Returns the healthy deployment that was live most recently, except the live one.
pub(crate) async fn last_healthy(
    executor: impl AnyExecutor<'_>,
    function: &FunctionId,
) -> Result<Option<DeploymentRecord>, StoreError> {
    let earlier: Vec<DeploymentRecord> = sqlx::query(select_deployments!(
        "WHERE d.function_id = $1 AND d.id <> f.live_deployment_id AND d.live_revision IS NOT NULL \
         ORDER BY d.live_revision DESC"
    ))
    .bind(function.as_str())
    .fetch_all(executor)
    .await?
    .iter()
    .map(record)
    .collect::<Result<_, _>>()?;
    let healthy = earlier
        .into_iter()
        .find(|deployment| deployment.health() == Health::Healthy);
    Ok(healthy)
}

/// Makes a deployment live. `revision` is the revision of the change.
pub(crate) async fn mark_live(
    connection: &mut Connection,
    function: &FunctionId,
    deployment: &DeploymentId,
    revision: i64,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE deployments SET left_revision = $1 \
         WHERE id = (SELECT live_deployment_id FROM functions WHERE id = $2) AND id <> $3",
    )
    .bind(revision)
    .bind(function.as_str())
    .bind(deployment.as_str())
    .execute(&mut *connection)
    .await?;
    sqlx::query("UPDATE deployments SET live_revision = $1, rolled_back_at = NULL WHERE id = $2")
        .bind(revision)
        .bind(deployment.as_str())
        .execute(&mut *connection)
        .await?;
    functions::set_live(connection, function, deployment, at).await
}

/// Deletes deployments of a function. Keeps the live deployment, those of previews, pinned ones, the `kept` deployments
/// that were live most recently, and the `kept` newest deployments that were never live.
pub(crate) async fn prune(
    connection: &mut Connection,
    function: &FunctionId,
    kept: usize,
) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM deployments WHERE function_id = $1 AND pinned_at IS NULL \
         AND id <> COALESCE((SELECT live_deployment_id FROM functions WHERE id = $1), '') \
         AND id NOT IN (SELECT deployment_id FROM previews WHERE function_id = $1 AND deployment_id IS NOT NULL) \
         AND id NOT IN (SELECT id FROM deployments WHERE function_id = $1 AND live_revision IS NOT NULL \
           ORDER BY live_revision DESC LIMIT $2) \
         AND id NOT IN (SELECT id FROM deployments WHERE function_id = $1 AND live_revision IS NULL \
           ORDER BY revision DESC LIMIT $2)",
    )
    .bind(function.as_str())
    .bind(i64::try_from(kept).unwrap_or(i64::MAX))
    .execute(connection)
    .await?;
    Ok(())
}

fn record(row: &AnyRow) -> Result<DeploymentRecord, StoreError> {
    let id: DeploymentId = row.parsed("id")?;
    let live: Option<DeploymentId> = row.optional_parsed("live_deployment_id")?;
    Ok(DeploymentRecord {
        live: live.as_ref() == Some(&id),
        was_live: row.optional_number("live_revision")?.is_some(),
        previews: Vec::new(),
        id,
        function_id: row.parsed("function_id")?,
        artifact_hash: row.parsed("artifact_hash")?,
        manifest: row.json("manifest")?,
        entrypoint: row.text("entrypoint")?,
        files: row.json("files")?,
        bundle_bytes: row.size("bundle_bytes")?,
        dependencies: row.optional_json("dependencies")?.unwrap_or_default(),
        provenance: row.optional_json("provenance")?.unwrap_or_default(),
        message: row.optional_text("message")?,
        tag: row.optional_text("tag")?,
        pinned_at: row.optional_time("pinned_at")?,
        rolled_back_at: row.optional_time("rolled_back_at")?,
        calls: row.size("calls")?,
        failed_calls: row.size("failed_calls")?,
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
    })
}
