//! Functions and which of their deployments is live.

use jelou_core::{DeploymentId, FunctionId, Manifest, Slug, TokenId};
use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AnyExecutor};

use crate::actor::Actor;
use crate::artifact::ArtifactHash;
use crate::audit::Action;
use crate::change::Entry;
use crate::error::{Resource, StoreError};
use crate::memory;
use crate::row::Columns;
use crate::secrets::SecretOwner;
use crate::store::Store;

#[derive(Debug, Clone, PartialEq)]
pub struct FunctionRecord {
    pub id: FunctionId,
    pub slug: Slug,
    pub name: Option<String>,
    pub created_at: Timestamp,
    /// When it was last deployed or rolled back.
    pub updated_at: Timestamp,
    /// Absent until the first deployment.
    pub live: Option<LiveDeployment>,
}

/// What is needed to answer and run a function.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveDeployment {
    pub id: DeploymentId,
    pub artifact_hash: ArtifactHash,
    pub manifest: Manifest,
    pub entrypoint: String,
    pub bundle_bytes: u64,
    pub created_at: Timestamp,
}

/// All that went with a function.
#[derive(Debug, Clone, PartialEq)]
pub struct DeletedFunction {
    pub function: FunctionRecord,
    /// Revoked ones included.
    pub tokens: Vec<TokenId>,
    pub secrets: u64,
    pub deployments: Vec<DeploymentId>,
    /// Artifacts that no other function uses.
    pub artifacts: Vec<ArtifactHash>,
}

macro_rules! select_functions {
    ($rest:literal) => {
        concat!(
            "SELECT f.id, f.slug, f.name, f.created_at, f.updated_at, d.id AS live_id, d.artifact_hash, d.manifest, ",
            "d.entrypoint, d.bundle_bytes, d.created_at AS deployed_at ",
            "FROM functions f LEFT JOIN deployments d ON d.id = f.live_deployment_id ",
            $rest
        )
    };
}

impl Store {
    /// Sorted by slug.
    pub async fn list_functions(&self) -> Result<Vec<FunctionRecord>, StoreError> {
        all(self.database.pool()).await
    }

    pub async fn function(&self, slug: &Slug) -> Result<FunctionRecord, StoreError> {
        find(self.database.pool(), slug)
            .await?
            .ok_or_else(|| StoreError::not_found(Resource::Function, slug))
    }

    /// Takes the slug; nothing answers there until the first deployment.
    pub async fn create_function(
        &self,
        actor: &Actor,
        slug: &Slug,
        name: Option<&str>,
    ) -> Result<FunctionRecord, StoreError> {
        let mut change = self.change(actor).await?;
        let at = change.now();
        let Some(function) = insert(change.connection(), slug, name, at).await? else {
            return Err(StoreError::conflict(format!(
                "there is a function `{slug}` already"
            )));
        };
        change.record(created(&function)).await?;
        change.commit().await?;
        Ok(function)
    }

    /// Removes the function with its tokens, secrets, deployments and every artifact that nothing else uses. What it did
    /// stays in the audit trail.
    pub async fn delete_function(
        &self,
        actor: &Actor,
        slug: &Slug,
    ) -> Result<DeletedFunction, StoreError> {
        let mut change = self.change(actor).await?;
        let function = find(&mut *change.connection(), slug)
            .await?
            .ok_or_else(|| StoreError::not_found(Resource::Function, slug))?;
        let removed = remove(change.connection(), function).await?;
        change
            .record(Entry {
                action: Action::FunctionDelete,
                function: Some(slug),
                target: removed.function.id.as_str(),
                detail: Some(slug.as_str()),
            })
            .await?;
        change.commit().await?;
        Ok(removed)
    }
}

pub(crate) async fn all(executor: impl AnyExecutor<'_>) -> Result<Vec<FunctionRecord>, StoreError> {
    sqlx::query(select_functions!("ORDER BY f.slug"))
        .fetch_all(executor)
        .await?
        .iter()
        .map(record)
        .collect()
}

pub(crate) async fn find(
    executor: impl AnyExecutor<'_>,
    slug: &Slug,
) -> Result<Option<FunctionRecord>, StoreError> {
    sqlx::query(select_functions!("WHERE f.slug = $1"))
        .bind(slug.as_str())
        .fetch_optional(executor)
        .await?
        .as_ref()
        .map(record)
        .transpose()
}

pub(crate) async fn find_by_id(
    executor: impl AnyExecutor<'_>,
    id: &FunctionId,
) -> Result<FunctionRecord, StoreError> {
    sqlx::query(select_functions!("WHERE f.id = $1"))
        .bind(id.as_str())
        .fetch_optional(executor)
        .await?
        .as_ref()
        .map(record)
        .transpose()?
        .ok_or_else(|| StoreError::not_found(Resource::Function, id))
}

/// `None` when the slug is taken.
pub(crate) async fn insert(
    connection: &mut AnyConnection,
    slug: &Slug,
    name: Option<&str>,
    at: Timestamp,
) -> Result<Option<FunctionRecord>, StoreError> {
    let id = FunctionId::generate();
    let inserted = sqlx::query(
        "INSERT INTO functions (id, slug, name, live_deployment_id, created_at, updated_at) \
         VALUES ($1, $2, $3, NULL, $4, $4) ON CONFLICT (slug) DO NOTHING",
    )
    .bind(id.as_str())
    .bind(slug.as_str())
    .bind(name)
    .bind(at.as_millisecond())
    .execute(connection)
    .await?;
    Ok((inserted.rows_affected() == 1).then(|| FunctionRecord {
        id,
        slug: slug.clone(),
        name: name.map(str::to_owned),
        created_at: at,
        updated_at: at,
        live: None,
    }))
}

pub(crate) fn created(function: &FunctionRecord) -> Entry<'_> {
    Entry {
        action: Action::FunctionCreate,
        function: Some(&function.slug),
        target: function.id.as_str(),
        detail: Some(function.slug.as_str()),
    }
}

pub(crate) async fn set_live(
    connection: &mut AnyConnection,
    function: &FunctionId,
    deployment: &DeploymentId,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE functions SET live_deployment_id = $1, updated_at = $2 WHERE id = $3")
        .bind(deployment.as_str())
        .bind(at.as_millisecond())
        .bind(function.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

async fn remove(
    connection: &mut AnyConnection,
    function: FunctionRecord,
) -> Result<DeletedFunction, StoreError> {
    let id = function.id.as_str();
    sqlx::query("UPDATE functions SET live_deployment_id = NULL WHERE id = $1")
        .bind(id)
        .execute(&mut *connection)
        .await?;
    let deployments = sqlx::query("DELETE FROM deployments WHERE function_id = $1 RETURNING id")
        .bind(id)
        .fetch_all(&mut *connection)
        .await?;
    let artifacts = sqlx::query(
        "DELETE FROM artifacts WHERE NOT EXISTS \
         (SELECT 1 FROM deployments WHERE deployments.artifact_hash = artifacts.hash) RETURNING hash",
    )
    .fetch_all(&mut *connection)
    .await?;
    let tokens = sqlx::query("DELETE FROM runtime_tokens WHERE function_id = $1 RETURNING id")
        .bind(id)
        .fetch_all(&mut *connection)
        .await?;
    let secrets = sqlx::query("DELETE FROM secrets WHERE owner = $1")
        .bind(SecretOwner::Function(function.id.clone()).to_string())
        .execute(&mut *connection)
        .await?;
    memory::forget_function(&mut *connection, &function.id).await?;
    sqlx::query("DELETE FROM functions WHERE id = $1")
        .bind(id)
        .execute(&mut *connection)
        .await?;
    Ok(DeletedFunction {
        tokens: column(&tokens, |row| row.parsed("id"))?,
        secrets: secrets.rows_affected(),
        deployments: column(&deployments, |row| row.parsed("id"))?,
        artifacts: column(&artifacts, |row| row.parsed("hash"))?,
        function,
    })
}

fn column<T>(
    rows: &[AnyRow],
    read: impl Fn(&AnyRow) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    rows.iter().map(read).collect()
}

fn record(row: &AnyRow) -> Result<FunctionRecord, StoreError> {
    let live = match row.optional_parsed("live_id")? {
        Some(id) => Some(LiveDeployment {
            id,
            artifact_hash: row.parsed("artifact_hash")?,
            manifest: row.json("manifest")?,
            entrypoint: row.text("entrypoint")?,
            bundle_bytes: row.size("bundle_bytes")?,
            created_at: row.time("deployed_at")?,
        }),
        None => None,
    };
    Ok(FunctionRecord {
        id: row.parsed("id")?,
        slug: row.parsed("slug")?,
        name: row.optional_text("name")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        live,
    })
}
