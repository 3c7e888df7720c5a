//! Functions and their live deployments.

use jelou_core::{DeploymentId, FunctionId, FunctionSettings, Manifest, Slug};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::AnyExecutor;
use sqlx::any::AnyRow;

use crate::actor::Actor;
use crate::artifact::{self, ArtifactHash};
use crate::change::{Action, Change, Entry};
use crate::database::Connection;
use crate::database::row::Columns;
use crate::difference::set_members;
use crate::error::{Resource, StoreError};
use crate::readable::{Readable, readable};
use crate::store::Store;

/// A function and its live deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionRecord {
    pub id: FunctionId,
    /// Unique among the functions.
    pub slug: Slug,
    /// The display name.
    pub name: Option<String>,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Time of the last deploy or rollback.
    pub updated_at: Timestamp,
    /// The function's own egress rules and limits.
    pub settings: FunctionSettings,
    /// The live deployment. `None` before the first deploy.
    pub live: Option<LiveDeployment>,
}

/// The parts of a live deployment that are needed to serve calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveDeployment {
    pub id: DeploymentId,
    #[serde(with = "crate::local_copy::text")]
    pub artifact_hash: ArtifactHash,
    pub manifest: Manifest,
    /// Path of the entrypoint, relative to the upload's root.
    pub entrypoint: String,
    /// Digest of the build's input, to find equal builds.
    pub digest: Option<String>,
    pub bundle_bytes: u64,
    /// Time of the deploy.
    pub created_at: Timestamp,
}

/// A function with the counts that lists show.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionSummary {
    pub record: FunctionRecord,
    /// Number of unrevoked runtime tokens.
    pub tokens: u64,
    /// Number of the function's own secrets.
    pub secrets: u64,
    /// Number of previews.
    pub previews: u64,
}

macro_rules! select_functions {
    ($columns:literal, $rest:literal) => {
        concat!(
            "SELECT f.id, f.slug, f.name, f.created_at, f.updated_at, f.settings, d.id AS live_id, d.artifact_hash, d.manifest, ",
            "d.entrypoint, d.digest, d.bundle_bytes, d.created_at AS deployed_at",
            $columns,
            " FROM functions f LEFT JOIN deployments d ON d.id = f.live_deployment_id ",
            $rest
        )
    };
    ($rest:literal) => {
        select_functions!("", $rest)
    };
}

macro_rules! select_summaries {
    ($rest:literal) => {
        select_functions!(
            ", (SELECT count(*) FROM runtime_tokens t WHERE t.function_id = f.id AND t.revoked_at IS NULL) AS tokens, \
             (SELECT count(*) FROM secrets s WHERE s.owner = f.id) AS secrets, \
             (SELECT count(*) FROM previews p WHERE p.function_id = f.id) AS previews",
            $rest
        )
    };
}

impl Store {
    /// Returns the functions that can be read, sorted by slug, with one query.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_functions(&self) -> Result<Readable<FunctionSummary>, StoreError> {
        let rows = sqlx::query(select_summaries!("ORDER BY f.slug"))
            .fetch_all(self.database.pool())
            .await?;
        readable(&rows, ("functions", "slug"), summary)
    }

    /// Returns one function.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] or [`StoreError::Database`].
    pub async fn function(&self, slug: &Slug) -> Result<FunctionSummary, StoreError> {
        sqlx::query(select_summaries!("WHERE f.slug = $1"))
            .bind(slug.as_str())
            .fetch_optional(self.database.pool())
            .await?
            .as_ref()
            .map(summary)
            .transpose()?
            .ok_or_else(|| StoreError::not_found(Resource::Function, slug))
    }

    /// Returns the id of a function, without reading its manifest.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] or [`StoreError::Database`].
    pub async fn function_id(&self, slug: &Slug) -> Result<FunctionId, StoreError> {
        let row = sqlx::query("SELECT id FROM functions WHERE slug = $1")
            .bind(slug.as_str())
            .fetch_optional(self.database.pool())
            .await?
            .ok_or_else(|| StoreError::not_found(Resource::Function, slug))?;
        Ok(row.parsed("id")?)
    }

    /// Creates a function without a deployment.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the slug is taken; [`StoreError::Database`].
    pub async fn create_function(
        &self,
        actor: &Actor,
        slug: &Slug,
        name: Option<&str>,
    ) -> Result<FunctionRecord, StoreError> {
        let mut change = self.change(actor).await?;
        let at = change.now();
        let Some(function) =
            insert(change.connection(), FunctionId::generate(), slug, name, at).await?
        else {
            return Err(StoreError::conflict(format!(
                "there is a function `{slug}` already"
            )));
        };
        record_creation(&mut change, &function).await?;
        change.commit().await?;
        Ok(function)
    }

    /// Deletes a function with its previews, tokens, secrets, memory, deployments and unshared artifacts. Its audit
    /// entries remain.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] or [`StoreError::Database`].
    pub async fn delete_function(
        &self,
        actor: &Actor,
        slug: &Slug,
    ) -> Result<FunctionRecord, StoreError> {
        let mut change = self.change(actor).await?;
        let function = find(&mut *change.connection(), slug)
            .await?
            .ok_or_else(|| StoreError::not_found(Resource::Function, slug))?;
        delete(change.connection(), &function.id).await?;
        let entry = Entry {
            action: Action::FunctionDelete,
            function: Some(slug),
            target: function.id.as_str(),
            detail: Some(slug.as_str()),
        };
        change.record(entry, state(&function), None).await?;
        change.commit().await?;
        Ok(function)
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

/// Returns the slug of a function, for the audit trail.
pub(crate) async fn slug_of(
    executor: impl AnyExecutor<'_>,
    function: &FunctionId,
) -> Result<Slug, StoreError> {
    let row = sqlx::query("SELECT slug FROM functions WHERE id = $1")
        .bind(function.as_str())
        .fetch_optional(executor)
        .await?
        .ok_or_else(|| StoreError::not_found(Resource::Function, function))?;
    Ok(row.parsed("slug")?)
}

/// Inserts a function. Returns `None` if the slug is taken.
pub(crate) async fn insert(
    connection: &mut Connection,
    id: FunctionId,
    slug: &Slug,
    name: Option<&str>,
    at: Timestamp,
) -> Result<Option<FunctionRecord>, StoreError> {
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
        settings: FunctionSettings::default(),
        live: None,
    }))
}

pub(crate) async fn record_creation(
    change: &mut Change<'_>,
    function: &FunctionRecord,
) -> Result<(), StoreError> {
    let entry = Entry {
        action: Action::FunctionCreate,
        function: Some(&function.slug),
        target: function.id.as_str(),
        detail: Some(function.slug.as_str()),
    };
    change.record(entry, None, state(function)).await?;
    Ok(())
}

/// Returns the state of a function for the audit trail.
fn state(function: &FunctionRecord) -> Option<Value> {
    set_members(&json!({
        "slug": function.slug,
        "name": function.name,
        "live": function.live.as_ref().map(|live| &live.id),
        "egress": function.settings.egress,
        "limits": function.settings.limits,
    }))
}

pub(crate) async fn set_live(
    connection: &mut Connection,
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

async fn delete(connection: &mut Connection, function: &FunctionId) -> Result<(), StoreError> {
    for statement in [
        "UPDATE functions SET live_deployment_id = NULL WHERE id = $1",
        "DELETE FROM deployments WHERE function_id = $1",
        "DELETE FROM secrets WHERE owner IN (SELECT id FROM previews WHERE function_id = $1)",
        "DELETE FROM secret_versions WHERE owner IN (SELECT id FROM previews WHERE function_id = $1)",
        "DELETE FROM memory WHERE function_id IN (SELECT id FROM previews WHERE function_id = $1)",
        "DELETE FROM previews WHERE function_id = $1",
        "DELETE FROM runtime_tokens WHERE function_id = $1",
        "DELETE FROM secrets WHERE owner = $1",
        "DELETE FROM secret_versions WHERE owner = $1",
        "DELETE FROM memory WHERE function_id = $1",
        "DELETE FROM traffic WHERE function_id = $1",
        "DELETE FROM schedules WHERE function_id = $1",
        "DELETE FROM runs WHERE function_id = $1",
        "DELETE FROM functions WHERE id = $1",
    ] {
        sqlx::query(statement)
            .bind(function.as_str())
            .execute(&mut *connection)
            .await?;
    }
    artifact::delete_unused(connection).await?;
    Ok(())
}

fn record(row: &AnyRow) -> Result<FunctionRecord, StoreError> {
    Ok(FunctionRecord {
        id: row.parsed("id")?,
        slug: row.parsed("slug")?,
        name: row.optional_text("name")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        settings: row.optional_json("settings")?.unwrap_or_default(),
        live: served(row)?,
    })
}

/// Returns the deployment that a row contains, if there is one.
pub(crate) fn served(row: &AnyRow) -> Result<Option<LiveDeployment>, StoreError> {
    let Some(id) = row.optional_parsed("live_id")? else {
        return Ok(None);
    };
    Ok(Some(LiveDeployment {
        id,
        artifact_hash: row.parsed("artifact_hash")?,
        manifest: row.json("manifest")?,
        entrypoint: row.text("entrypoint")?,
        digest: row.optional_text("digest")?,
        bundle_bytes: row.size("bundle_bytes")?,
        created_at: row.time("deployed_at")?,
    }))
}

fn summary(row: &AnyRow) -> Result<FunctionSummary, StoreError> {
    Ok(FunctionSummary {
        record: record(row)?,
        tokens: row.size("tokens")?,
        secrets: row.size("secrets")?,
        previews: row.size("previews")?,
    })
}
