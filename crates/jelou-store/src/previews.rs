//! Previews: deployments with separate secrets and memory. They exist until they expire.

use jelou_core::{DeploymentId, FunctionId, PreviewId, PreviewName, Slug};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::AnyExecutor;
use sqlx::any::AnyRow;

use crate::actor::Actor;
use crate::change::{Action, Change, Entry};
use crate::database::Connection;
use crate::database::row::Columns;
use crate::difference::set_members;
use crate::error::{Resource, StoreError};
use crate::functions::{self, FunctionRecord, LiveDeployment};
use crate::readable::{Readable, readable};
use crate::store::Store;

/// A preview of a function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreviewRecord {
    /// The owner of the preview's secrets and memory. Never reused.
    pub id: PreviewId,
    pub function_id: FunctionId,
    /// Unique among the previews of the function.
    pub name: PreviewName,
    /// The deployment that the preview serves. `None` until the first deploy to the preview.
    pub served: Option<LiveDeployment>,
    /// Whether its processes also get the function's secrets.
    pub with_secrets: bool,
    /// Whether the preview has no host name, so that only a request header selects it.
    pub header_only: bool,
    /// Number of the preview's own secrets.
    pub secrets: u64,
    /// Name of the access token that created the preview.
    pub created_by: String,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Time of the last deploy to the preview.
    pub updated_at: Timestamp,
    /// When the preview expires. An expired preview counts as deleted.
    pub expires_at: Timestamp,
}

/// The rules of a preview, which each deploy to it sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewTerms {
    pub id: PreviewId,
    /// Whether its processes also get the function's secrets.
    pub with_secrets: bool,
    /// Whether the preview has no host name.
    pub header_only: bool,
    /// When the preview expires.
    pub expires_at: Timestamp,
}

/// A preview to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPreview {
    pub function: FunctionId,
    pub name: PreviewName,
    /// The id and the rules of the preview.
    pub terms: PreviewTerms,
    /// Maximum number of previews of the function.
    pub limit: u64,
}

macro_rules! select_previews {
    ($rest:literal) => {
        concat!(
            "SELECT p.id, p.function_id, p.name, p.with_secrets_at, p.header_only_at, p.created_by, p.created_at, ",
            "p.updated_at, p.expires_at, d.id AS live_id, d.artifact_hash, d.manifest, d.entrypoint, d.digest, ",
            "d.bundle_bytes, d.created_at AS deployed_at, ",
            "(SELECT count(*) FROM secrets s WHERE s.owner = p.id) AS secrets ",
            "FROM previews p LEFT JOIN deployments d ON d.id = p.deployment_id ",
            $rest
        )
    };
}

impl Store {
    /// Returns the unexpired previews of a function that can be read, sorted by name.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_previews(
        &self,
        function: &FunctionId,
    ) -> Result<Readable<PreviewRecord>, StoreError> {
        let rows = sqlx::query(select_previews!(
            "WHERE p.function_id = $1 AND p.expires_at > $2 ORDER BY p.name"
        ))
        .bind(function.as_str())
        .bind(self.clock.now_ms())
        .fetch_all(self.database.pool())
        .await?;
        readable(&rows, ("previews", "name"), record)
    }

    /// Returns one unexpired preview of a function.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] or [`StoreError::Database`].
    pub async fn preview(
        &self,
        function: &FunctionId,
        name: &PreviewName,
    ) -> Result<PreviewRecord, StoreError> {
        let now = self.clock.now();
        find(self.database.pool(), function, name)
            .await?
            .filter(|preview| preview.expires_at > now)
            .ok_or_else(|| StoreError::not_found(Resource::Preview, name))
    }

    /// Creates a preview without a deployment. Deletes an expired preview with the same name.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the name is taken or the function has the maximum number of previews;
    /// [`StoreError::NotFound`] when the function does not exist; [`StoreError::Database`].
    pub async fn create_preview(
        &self,
        actor: &Actor,
        new: NewPreview,
    ) -> Result<PreviewRecord, StoreError> {
        let mut change = self.change(actor).await?;
        let (at, name) = (change.now(), &new.name);
        let agreed = self.agreed_time_in(change.connection()).await?;
        let slug = functions::slug_of(change.connection(), &new.function).await?;
        if let Some(known) = find(&mut *change.connection(), &new.function, name).await? {
            if known.expires_at > agreed {
                return Err(StoreError::conflict(format!(
                    "`{slug}` has a preview `{name}` already"
                )));
            }
            delete(change.connection(), &known.id).await?;
        }
        let count = sqlx::query(
            "SELECT count(*) AS count FROM previews WHERE function_id = $1 AND expires_at > $2",
        )
        .bind(new.function.as_str())
        .bind(at.as_millisecond())
        .fetch_one(change.connection())
        .await?
        .size("count")?;
        if count >= new.limit {
            return Err(StoreError::conflict(format!(
                "`{slug}` has {count} previews; the limit is {} (limits.max_previews, a server setting). `jelou previews delete` makes room",
                new.limit
            )));
        }
        let flag = |is_set: bool| is_set.then_some(at.as_millisecond());
        sqlx::query(
            "INSERT INTO previews (id, function_id, name, with_secrets_at, header_only_at, created_by, created_at, \
             updated_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)",
        )
        .bind(new.terms.id.as_str())
        .bind(new.function.as_str())
        .bind(name.as_str())
        .bind(flag(new.terms.with_secrets))
        .bind(flag(new.terms.header_only))
        .bind(actor.name.as_str())
        .bind(at.as_millisecond())
        .bind(new.terms.expires_at.as_millisecond())
        .execute(change.connection())
        .await?;
        let created = find(&mut *change.connection(), &new.function, name)
            .await?
            .ok_or_else(|| StoreError::not_found(Resource::Preview, name))?;
        let step = (Action::PreviewCreate, None, state(&created));
        record_step(&mut change, &slug, name, step).await?;
        change.commit().await?;
        Ok(created)
    }

    /// Changes the rules of a preview, without a deploy.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] or [`StoreError::Database`].
    pub async fn update_preview(
        &self,
        actor: &Actor,
        function: &FunctionId,
        name: &PreviewName,
        terms: &PreviewTerms,
    ) -> Result<PreviewRecord, StoreError> {
        let mut change = self.change(actor).await?;
        let slug = functions::slug_of(change.connection(), function).await?;
        let missing = || StoreError::not_found(Resource::Preview, name);
        let before = find(&mut *change.connection(), function, name).await?;
        let before = before.ok_or_else(missing)?;
        set_terms(&mut change, terms, None).await?;
        let updated = find(&mut *change.connection(), function, name).await?;
        let updated = updated.ok_or_else(missing)?;
        let step = (Action::PreviewDeploy, state(&before), state(&updated));
        record_step(&mut change, &slug, name, step).await?;
        change.commit().await?;
        Ok(updated)
    }

    /// Deletes a preview with its secrets and its memory. Keeps its deployment.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] or [`StoreError::Database`].
    pub async fn delete_preview(
        &self,
        actor: &Actor,
        function: &FunctionId,
        name: &PreviewName,
    ) -> Result<PreviewRecord, StoreError> {
        let mut change = self.change(actor).await?;
        let preview = find(&mut *change.connection(), function, name)
            .await?
            .ok_or_else(|| StoreError::not_found(Resource::Preview, name))?;
        let slug = functions::slug_of(change.connection(), function).await?;
        delete(change.connection(), &preview.id).await?;
        let step = (Action::PreviewDelete, state(&preview), None);
        record_step(&mut change, &slug, name, step).await?;
        change.commit().await?;
        Ok(preview)
    }

    /// Deletes previews that have expired on every server.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn delete_expired_previews(
        &self,
        actor: &Actor,
    ) -> Result<Vec<PreviewRecord>, StoreError> {
        let expired_by = self.deletion_time().await?.as_millisecond();
        let expired = expired(self.database.pool(), expired_by).await?;
        if expired.is_empty() {
            return Ok(expired);
        }
        let mut change = self.change(actor).await?;
        // Reads the expired previews again, because a deploy may have extended one of them in the meantime.
        let expired = self::expired(&mut *change.connection(), expired_by).await?;
        for preview in &expired {
            delete(change.connection(), &preview.id).await?;
            match functions::slug_of(change.connection(), &preview.function_id).await {
                Ok(slug) => {
                    let step = (Action::PreviewExpire, state(preview), None);
                    record_step(&mut change, &slug, &preview.name, step).await?;
                }
                // An older version of the server has deleted the function without its previews.
                Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        change.commit().await?;
        Ok(expired)
    }
}

pub(crate) async fn all(executor: impl AnyExecutor<'_>) -> Result<Vec<PreviewRecord>, StoreError> {
    sqlx::query(select_previews!("ORDER BY p.function_id, p.name"))
        .fetch_all(executor)
        .await?
        .iter()
        .map(record)
        .collect()
}

pub(crate) async fn of(
    executor: impl AnyExecutor<'_>,
    function: &FunctionId,
) -> Result<Vec<PreviewRecord>, StoreError> {
    sqlx::query(select_previews!("WHERE p.function_id = $1 ORDER BY p.name"))
        .bind(function.as_str())
        .fetch_all(executor)
        .await?
        .iter()
        .map(record)
        .collect()
}

async fn expired(
    executor: impl AnyExecutor<'_>,
    now_ms: i64,
) -> Result<Vec<PreviewRecord>, StoreError> {
    sqlx::query(select_previews!("WHERE p.expires_at <= $1 ORDER BY p.id"))
        .bind(now_ms)
        .fetch_all(executor)
        .await?
        .iter()
        .map(record)
        .collect()
}

/// Returns the names of the function's previews, by the deployment that they serve.
pub(crate) async fn by_deployment(
    executor: impl AnyExecutor<'_>,
    function: &FunctionId,
) -> Result<Readable<(DeploymentId, PreviewName)>, StoreError> {
    let rows = sqlx::query(
        "SELECT deployment_id, name FROM previews WHERE function_id = $1 AND deployment_id IS NOT NULL ORDER BY name",
    )
    .bind(function.as_str())
    .fetch_all(executor)
    .await?;
    readable(&rows, ("previews", "name"), |row| {
        Ok((row.parsed("deployment_id")?, row.parsed("name")?))
    })
}

/// Makes a new deployment the deployment of a preview.
pub(crate) async fn deploy(
    change: &mut Change<'_>,
    function: &FunctionRecord,
    terms: &PreviewTerms,
    deployment: &DeploymentId,
) -> Result<PreviewRecord, StoreError> {
    let (_, name) = place_of(change.connection(), &terms.id).await?;
    let before = find(&mut *change.connection(), &function.id, &name).await?;
    set_terms(change, terms, Some(deployment)).await?;
    let deployed = find(&mut *change.connection(), &function.id, &name)
        .await?
        .ok_or_else(|| StoreError::not_found(Resource::Preview, &name))?;
    let entry = Entry {
        action: Action::PreviewDeploy,
        function: Some(&function.slug),
        target: name.as_str(),
        detail: Some(deployment.as_str()),
    };
    let before = before.as_ref().and_then(state);
    change.record(entry, before, state(&deployed)).await?;
    Ok(deployed)
}

/// Returns the slug of a preview's function, and the name of the preview.
pub(crate) async fn place_of(
    executor: impl AnyExecutor<'_>,
    id: &PreviewId,
) -> Result<(Slug, PreviewName), StoreError> {
    let row = sqlx::query(
        "SELECT f.slug, p.name FROM previews p JOIN functions f ON f.id = p.function_id WHERE p.id = $1",
    )
    .bind(id.as_str())
    .fetch_optional(executor)
    .await?
    .ok_or_else(|| StoreError::not_found(Resource::Preview, id))?;
    Ok((row.parsed("slug")?, row.parsed("name")?))
}

/// Sets the rules of a preview. Sets its deployment if there is a new one.
async fn set_terms(
    change: &mut Change<'_>,
    terms: &PreviewTerms,
    deployment: Option<&DeploymentId>,
) -> Result<(), StoreError> {
    let now = change.now().as_millisecond();
    let flag = |is_set: bool| is_set.then_some(now);
    let set = sqlx::query(
        "UPDATE previews SET deployment_id = COALESCE($1, deployment_id), with_secrets_at = $2, header_only_at = $3, \
         updated_at = $4, expires_at = $5 WHERE id = $6",
    )
    .bind(deployment.map(DeploymentId::as_str))
    .bind(flag(terms.with_secrets))
    .bind(flag(terms.header_only))
    .bind(now)
    .bind(terms.expires_at.as_millisecond())
    .bind(terms.id.as_str())
    .execute(change.connection())
    .await?;
    match set.rows_affected() {
        0 => Err(StoreError::not_found(Resource::Preview, &terms.id)),
        _ => Ok(()),
    }
}

async fn find(
    executor: impl AnyExecutor<'_>,
    function: &FunctionId,
    name: &PreviewName,
) -> Result<Option<PreviewRecord>, StoreError> {
    sqlx::query(select_previews!("WHERE p.function_id = $1 AND p.name = $2"))
        .bind(function.as_str())
        .bind(name.as_str())
        .fetch_optional(executor)
        .await?
        .as_ref()
        .map(record)
        .transpose()
}

async fn delete(connection: &mut Connection, id: &PreviewId) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM secrets WHERE owner = $1",
        "DELETE FROM secret_versions WHERE owner = $1",
        "DELETE FROM memory WHERE function_id = $1",
        "DELETE FROM previews WHERE id = $1",
    ] {
        sqlx::query(statement)
            .bind(id.as_str())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Appends an audit entry with the state of a preview before and after the step.
async fn record_step(
    change: &mut Change<'_>,
    slug: &Slug,
    name: &PreviewName,
    (action, before, after): (Action, Option<Value>, Option<Value>),
) -> Result<(), StoreError> {
    let entry = Entry {
        action,
        function: Some(slug),
        target: name.as_str(),
        detail: None,
    };
    change.record(entry, before, after).await?;
    Ok(())
}

/// Returns the state of a preview for the audit trail.
fn state(preview: &PreviewRecord) -> Option<Value> {
    set_members(&json!({
        "deployment": preview.served.as_ref().map(|served| &served.id),
        "withSecrets": preview.with_secrets,
        "headerOnly": preview.header_only,
        "expiresAt": preview.expires_at,
    }))
}

fn record(row: &AnyRow) -> Result<PreviewRecord, StoreError> {
    Ok(PreviewRecord {
        id: row.parsed("id")?,
        function_id: row.parsed("function_id")?,
        name: row.parsed("name")?,
        served: functions::served(row)?,
        with_secrets: row.optional_number("with_secrets_at")?.is_some(),
        header_only: row.optional_number("header_only_at")?.is_some(),
        secrets: row.size("secrets")?,
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
        expires_at: row.time("expires_at")?,
    })
}
