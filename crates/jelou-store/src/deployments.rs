//! Deployments, and the rollback to an earlier deployment.

use jelou_core::api::{Deployment, FileSummary};
use jelou_core::{DeploymentId, FunctionId, Manifest};
use jiff::Timestamp;
use sqlx::AnyExecutor;
use sqlx::any::AnyRow;

use crate::actor::Actor;
use crate::artifact::ArtifactHash;
use crate::change::{Action, Change, Entry};
use crate::database::row::Columns;
use crate::error::{Resource, StoreError};
use crate::functions::{self, FunctionRecord};
use crate::store::Store;

/// An immutable build of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct DeploymentRecord {
    /// Never changes.
    pub id: DeploymentId,
    /// Its function.
    pub function_id: FunctionId,
    /// Whether calls go to this deployment.
    pub live: bool,
    /// Its artifact.
    pub artifact_hash: ArtifactHash,
    /// Its manifest.
    pub manifest: Manifest,
    /// Path of the entrypoint among the files.
    pub entrypoint: String,
    /// The uploaded files.
    pub files: Vec<FileSummary>,
    /// Size of the bundle.
    pub bundle_bytes: u64,
    /// Name of the access token that created the deployment.
    pub created_by: String,
    /// Time of the deploy.
    pub created_at: Timestamp,
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

impl From<DeploymentRecord> for Deployment {
    fn from(record: DeploymentRecord) -> Self {
        Self {
            id: record.id,
            live: record.live,
            artifact: record.artifact_hash.to_string(),
            bundle_bytes: record.bundle_bytes,
            files: record.files,
            entrypoint: record.entrypoint,
            created_by: record.created_by,
            created_at: record.created_at,
        }
    }
}

macro_rules! select_deployments {
    ($rest:literal) => {
        concat!(
            "SELECT d.id, d.function_id, d.artifact_hash, d.manifest, d.entrypoint, d.files, d.bundle_bytes, ",
            "d.created_by, d.created_at, f.live_deployment_id ",
            "FROM deployments d JOIN functions f ON f.id = d.function_id ",
            $rest
        )
    };
}

impl Store {
    /// The deployments of a function, newest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_deployments(
        &self,
        function: &FunctionId,
    ) -> Result<Vec<DeploymentRecord>, StoreError> {
        sqlx::query(select_deployments!(
            "WHERE d.function_id = $1 ORDER BY d.revision DESC"
        ))
        .bind(function.as_str())
        .fetch_all(self.database.pool())
        .await?
        .iter()
        .map(record)
        .collect()
    }

    /// One deployment.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] or [`StoreError::Database`].
    pub async fn deployment(&self, id: &DeploymentId) -> Result<DeploymentRecord, StoreError> {
        find(self.database.pool(), id).await
    }

    /// Makes another deployment of the function live: `target`, or the deployment before the live one. A second call
    /// without a target thus goes back one more. A target that is already live changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the function has no such deployment, [`StoreError::Conflict`] when it has no
    /// earlier deployment, [`StoreError::Database`].
    pub async fn rollback(
        &self,
        actor: &Actor,
        function: &FunctionId,
        target: Option<&DeploymentId>,
    ) -> Result<RolledBack, StoreError> {
        let mut change = self.change(actor).await?;
        let before = functions::find_by_id(&mut *change.connection(), function).await?;
        let previous_live = before.live.map(|live| live.id);
        let wanted = match target {
            Some(id) => find(&mut *change.connection(), id)
                .await?
                .of(function)
                .ok_or_else(|| StoreError::not_found(Resource::Deployment, id))?,
            None => earlier(&mut change, function).await?.ok_or_else(|| {
                StoreError::conflict(format!(
                    "`{}` has no deployment before the live one",
                    before.slug
                ))
            })?,
        };
        if !wanted.live {
            let at = change.now();
            functions::set_live(change.connection(), function, &wanted.id, at).await?;
            change
                .record(Entry {
                    action: Action::DeploymentRollback,
                    function: Some(&before.slug),
                    target: wanted.id.as_str(),
                    detail: None,
                })
                .await?;
        }
        let function = functions::find_by_id(&mut *change.connection(), function).await?;
        change.commit().await?;
        Ok(RolledBack {
            function,
            deployment: DeploymentRecord {
                live: true,
                ..wanted
            },
            previous_live,
        })
    }
}

impl DeploymentRecord {
    fn of(self, function: &FunctionId) -> Option<Self> {
        (self.function_id == *function).then_some(self)
    }
}

pub(crate) async fn find(
    executor: impl AnyExecutor<'_>,
    id: &DeploymentId,
) -> Result<DeploymentRecord, StoreError> {
    sqlx::query(select_deployments!("WHERE d.id = $1"))
        .bind(id.as_str())
        .fetch_optional(executor)
        .await?
        .as_ref()
        .map(record)
        .transpose()?
        .ok_or_else(|| StoreError::not_found(Resource::Deployment, id))
}

async fn earlier(
    change: &mut Change<'_>,
    function: &FunctionId,
) -> Result<Option<DeploymentRecord>, StoreError> {
    sqlx::query(select_deployments!(
        "WHERE d.function_id = $1 AND d.revision < \
         (SELECT live.revision FROM deployments live WHERE live.id = f.live_deployment_id) \
         ORDER BY d.revision DESC LIMIT 1"
    ))
    .bind(function.as_str())
    .fetch_optional(change.connection())
    .await?
    .as_ref()
    .map(record)
    .transpose()
}

fn record(row: &AnyRow) -> Result<DeploymentRecord, StoreError> {
    let id: DeploymentId = row.parsed("id")?;
    let live: Option<DeploymentId> = row.optional_parsed("live_deployment_id")?;
    Ok(DeploymentRecord {
        live: live.as_ref() == Some(&id),
        id,
        function_id: row.parsed("function_id")?,
        artifact_hash: row.parsed("artifact_hash")?,
        manifest: row.json("manifest")?,
        entrypoint: row.text("entrypoint")?,
        files: row.json("files")?,
        bundle_bytes: row.size("bundle_bytes")?,
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
    })
}
