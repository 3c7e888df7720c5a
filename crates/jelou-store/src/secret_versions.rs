//! Earlier values of secrets. A value stays encrypted for its owner and key, so it can be restored as it is.

use jelou_core::SecretKey;
use jelou_core::api::SecretVersion;
use jelou_core::secret_key::MAX_SECRET_VERSIONS;
use serde_json::json;
use sqlx::AnyExecutor;
use sqlx::any::AnyRow;

use crate::actor::Actor;
use crate::database::Connection;
use crate::database::row::Columns;
use crate::error::{Resource, StoreError};
use crate::readable::{Readable, readable};
use crate::secrets::{SecretRecord, place, put};
use crate::store::Store;
use crate::vault::{SealedSecret, SecretOwner};

impl Store {
    /// Gives a secret the value of an earlier version, as a new version. Without `version`, the version before the
    /// current one. Returns the new version and the restored one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the owner, the secret or the version does not exist; [`StoreError::Conflict`] when
    /// there is no earlier version; [`StoreError::Database`].
    pub async fn rollback_secret(
        &self,
        actor: &Actor,
        owner: &SecretOwner,
        key: &SecretKey,
        version: Option<u64>,
    ) -> Result<(u64, u64), StoreError> {
        let mut change = self.change(actor).await?;
        let place = place(&mut change, owner).await?;
        let current = current_version(change.connection(), owner, key)
            .await?
            .ok_or_else(|| StoreError::not_found(Resource::Secret, key))?;
        let earlier = earlier(&mut *change.connection(), owner, key).await?;
        let wanted = match version {
            Some(version) => earlier.iter().find(|one| one.version == version),
            None => earlier.first(),
        };
        let Some(wanted) = wanted else {
            let kept: Vec<_> = earlier.iter().map(|one| one.version.to_string()).collect();
            return Err(StoreError::conflict(if kept.is_empty() {
                format!("`{key}` has no earlier version")
            } else {
                format!(
                    "`{key}` has no earlier version {}; the versions that are kept are {}",
                    version.unwrap_or_default(),
                    kept.join(", ")
                )
            }));
        };
        let sealed = sealed_version(change.connection(), owner, key, wanted.version).await?;
        let secret = SecretRecord {
            owner: owner.clone(),
            key: key.clone(),
            sealed,
        };
        let new = put(&mut change, &secret).await?;
        let before = json!({ "version": current });
        let after = json!({ "version": new, "restored": wanted.version });
        let entry = place.rollback(key);
        change.record(entry, Some(before), Some(after)).await?;
        change.commit().await?;
        Ok((new, wanted.version))
    }
}

/// Returns the earlier versions of a secret, newest first.
pub(crate) async fn earlier(
    executor: impl AnyExecutor<'_>,
    owner: &SecretOwner,
    key: &SecretKey,
) -> Result<Vec<SecretVersion>, StoreError> {
    sqlx::query(
        "SELECT key, version, updated_at, updated_by FROM secret_versions WHERE owner = $1 AND key = $2 \
         ORDER BY version DESC",
    )
    .bind(owner.to_string())
    .bind(key.as_str())
    .fetch_all(executor)
    .await?
    .iter()
    .map(version)
    .collect()
}

/// Returns the earlier versions of all secrets of an owner, with their keys, newest first.
pub(crate) async fn all_earlier(
    executor: impl AnyExecutor<'_>,
    owner: &SecretOwner,
) -> Result<Readable<(SecretKey, SecretVersion)>, StoreError> {
    let rows = sqlx::query(
        "SELECT key, version, updated_at, updated_by FROM secret_versions WHERE owner = $1 \
         ORDER BY version DESC",
    )
    .bind(owner.to_string())
    .fetch_all(executor)
    .await?;
    readable(&rows, ("secret_versions", "key"), |row| {
        Ok((row.parsed("key")?, version(row)?))
    })
}

/// Returns the number of the current version, or `None` if the secret does not exist.
pub(crate) async fn current_version(
    connection: &mut Connection,
    owner: &SecretOwner,
    key: &SecretKey,
) -> Result<Option<u64>, StoreError> {
    let row = sqlx::query("SELECT version FROM secrets WHERE owner = $1 AND key = $2")
        .bind(owner.to_string())
        .bind(key.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|row| row.size("version")).transpose()?)
}

/// Stores the current value as an earlier version, and deletes versions over the limit.
pub(crate) async fn keep(
    connection: &mut Connection,
    owner: &SecretOwner,
    key: &SecretKey,
) -> Result<(), StoreError> {
    let kept = i64::try_from(MAX_SECRET_VERSIONS).unwrap_or(i64::MAX);
    sqlx::query(
        "INSERT INTO secret_versions (owner, key, version, ciphertext, key_id, updated_at, updated_by) \
         SELECT owner, key, version, ciphertext, key_id, updated_at, updated_by FROM secrets \
         WHERE owner = $1 AND key = $2",
    )
    .bind(owner.to_string())
    .bind(key.as_str())
    .execute(&mut *connection)
    .await?;
    // The limit includes the current version, and the caller is about to add a version.
    sqlx::query(
        "DELETE FROM secret_versions WHERE owner = $1 AND key = $2 AND version <= \
         (SELECT s.version + 1 - $3 FROM secrets s WHERE s.owner = $1 AND s.key = $2)",
    )
    .bind(owner.to_string())
    .bind(key.as_str())
    .bind(kept)
    .execute(connection)
    .await?;
    Ok(())
}

pub(crate) async fn delete(
    connection: &mut Connection,
    owner: &SecretOwner,
    key: &SecretKey,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM secret_versions WHERE owner = $1 AND key = $2")
        .bind(owner.to_string())
        .bind(key.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

async fn sealed_version(
    connection: &mut Connection,
    owner: &SecretOwner,
    key: &SecretKey,
    version: u64,
) -> Result<SealedSecret, StoreError> {
    let row = sqlx::query(
        "SELECT ciphertext, key_id FROM secret_versions WHERE owner = $1 AND key = $2 AND version = $3",
    )
    .bind(owner.to_string())
    .bind(key.as_str())
    .bind(i64::try_from(version).unwrap_or(i64::MAX))
    .fetch_one(connection)
    .await?;
    Ok(row.sealed()?)
}

fn version(row: &AnyRow) -> Result<SecretVersion, StoreError> {
    Ok(SecretVersion {
        version: row.size("version")?,
        updated_at: row.time("updated_at")?,
        updated_by: row.text("updated_by")?,
    })
}
