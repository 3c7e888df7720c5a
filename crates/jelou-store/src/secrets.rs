//! Secrets, encrypted by the vault before they are stored.

use jelou_core::api::Secret;
use jelou_core::secret_key::{MAX_SECRET_VALUE_BYTES, MAX_SECRETS_PER_FUNCTION};
use jelou_core::{PreviewName, SecretKey, Slug};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::AnyExecutor;
use sqlx::any::AnyRow;
use zeroize::Zeroizing;

use crate::actor::Actor;
use crate::change::{Action, Change, Entry};
use crate::database::row::Columns;
use crate::error::{Resource, StoreError};
use crate::readable::{Readable, readable};
use crate::secret_versions::{self, current_version};
use crate::store::Store;
use crate::vault::{SealedSecret, SecretOwner};
use crate::{functions, previews};

/// An encrypted secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRecord {
    #[serde(with = "crate::local_copy::text")]
    pub owner: SecretOwner,
    /// Unique among the owner's secrets.
    pub key: SecretKey,
    /// The encrypted value.
    pub sealed: SealedSecret,
}

impl Store {
    /// Returns the keys of an owner's secrets that can be read and when they were changed, sorted by key.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_secrets(&self, owner: &SecretOwner) -> Result<Readable<Secret>, StoreError> {
        let mut state = self.database.snapshot().await?;
        let earlier = secret_versions::all_earlier(&mut state, owner).await?;
        let rows = sqlx::query(
            "SELECT key, version, updated_at, updated_by FROM secrets WHERE owner = $1 ORDER BY key",
        )
        .bind(owner.to_string())
        .fetch_all(&mut state)
        .await?;
        let mut secrets = readable(&rows, ("secrets", "key"), |row| {
            let key: SecretKey = row.parsed("key")?;
            let earlier = earlier.rows.iter().filter(|(of, _)| *of == key);
            Ok(Secret {
                earlier: earlier.map(|(_, version)| version.clone()).collect(),
                key,
                version: row.size("version")?,
                updated_at: row.time("updated_at")?,
                updated_by: row.text("updated_by")?,
            })
        })?;
        secrets.unreadable.extend(earlier.unreadable);
        Ok(secrets)
    }

    /// Returns the encrypted secrets of an owner, sorted by key.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn sealed_secrets(
        &self,
        owner: &SecretOwner,
    ) -> Result<Vec<SecretRecord>, StoreError> {
        of(self.database.pool(), owner).await
    }

    /// Sets secrets, either all or none. The owner's other secrets stay. Returns the encrypted secrets.
    ///
    /// # Errors
    /// [`StoreError::SecretTooLarge`], [`StoreError::TooManySecrets`], [`StoreError::NotFound`] when the function does
    /// not exist, [`StoreError::Vault`], [`StoreError::Database`].
    pub async fn set_secrets(
        &self,
        actor: &Actor,
        owner: &SecretOwner,
        secrets: Vec<(SecretKey, Zeroizing<String>)>,
    ) -> Result<Vec<SecretRecord>, StoreError> {
        if secrets.is_empty() {
            return Ok(Vec::new());
        }
        let mut change = self.change(actor).await?;
        // Encrypts within the change, so that no value with an earlier master key is stored after the end of a
        // rotation.
        let sealed = secrets
            .into_iter()
            .map(|(key, value)| self.seal(owner, key, &value))
            .collect::<Result<Vec<_>, _>>()?;
        let place = place(&mut change, owner).await?;
        for secret in &sealed {
            let before = current_version(change.connection(), owner, &secret.key).await?;
            let after = put(&mut change, secret).await?;
            let version = |version: u64| json!({ "version": version });
            change
                .record(
                    place.set(&secret.key),
                    before.map(version),
                    Some(version(after)),
                )
                .await?;
        }
        check_count(&mut change, owner).await?;
        change.commit().await?;
        Ok(sealed)
    }

    /// Deletes a secret.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the function or the secret does not exist; [`StoreError::Database`].
    pub async fn delete_secret(
        &self,
        actor: &Actor,
        owner: &SecretOwner,
        key: &SecretKey,
    ) -> Result<(), StoreError> {
        let mut change = self.change(actor).await?;
        let place = place(&mut change, owner).await?;
        let deleted = current_version(change.connection(), owner, key)
            .await?
            .ok_or_else(|| StoreError::not_found(Resource::Secret, key))?;
        sqlx::query("DELETE FROM secrets WHERE owner = $1 AND key = $2")
            .bind(owner.to_string())
            .bind(key.as_str())
            .execute(change.connection())
            .await?;
        secret_versions::delete(change.connection(), owner, key).await?;
        let before = json!({ "version": deleted });
        change.record(place.delete(key), Some(before), None).await?;
        change.commit().await
    }

    fn seal(
        &self,
        owner: &SecretOwner,
        key: SecretKey,
        value: &str,
    ) -> Result<SecretRecord, StoreError> {
        if value.len() > MAX_SECRET_VALUE_BYTES {
            return Err(StoreError::SecretTooLarge {
                key,
                bytes: value.len(),
            });
        }
        Ok(SecretRecord {
            sealed: self.vault.seal(owner, &key, value)?,
            owner: owner.clone(),
            key,
        })
    }
}

pub(crate) async fn all(executor: impl AnyExecutor<'_>) -> Result<Vec<SecretRecord>, StoreError> {
    sqlx::query("SELECT owner, key, ciphertext, key_id FROM secrets ORDER BY owner, key")
        .fetch_all(executor)
        .await?
        .iter()
        .map(record)
        .collect()
}

pub(crate) async fn of(
    executor: impl AnyExecutor<'_>,
    owner: &SecretOwner,
) -> Result<Vec<SecretRecord>, StoreError> {
    sqlx::query("SELECT owner, key, ciphertext, key_id FROM secrets WHERE owner = $1 ORDER BY key")
        .bind(owner.to_string())
        .fetch_all(executor)
        .await?
        .iter()
        .map(record)
        .collect()
}

/// Stores a value, and keeps the previous value as an earlier version. Returns the number of the new version.
pub(crate) async fn put(change: &mut Change<'_>, secret: &SecretRecord) -> Result<u64, StoreError> {
    secret_versions::keep(change.connection(), &secret.owner, &secret.key).await?;
    let (at, by): (Timestamp, _) = (change.now(), change.actor().name.as_str());
    let row = sqlx::query(
        "INSERT INTO secrets (owner, key, ciphertext, key_id, updated_at, updated_by, version) \
         VALUES ($1, $2, $3, $4, $5, $6, 1) ON CONFLICT (owner, key) DO UPDATE SET \
         ciphertext = excluded.ciphertext, key_id = excluded.key_id, \
         updated_at = excluded.updated_at, updated_by = excluded.updated_by, \
         version = secrets.version + 1 RETURNING version",
    )
    .bind(secret.owner.to_string())
    .bind(secret.key.as_str())
    .bind(secret.sealed.ciphertext())
    .bind(secret.sealed.key_id().as_str())
    .bind(at.as_millisecond())
    .bind(by)
    .fetch_one(change.connection())
    .await?;
    Ok(row.size("version")?)
}

async fn check_count(change: &mut Change<'_>, owner: &SecretOwner) -> Result<(), StoreError> {
    let count = sqlx::query("SELECT count(*) AS count FROM secrets WHERE owner = $1")
        .bind(owner.to_string())
        .fetch_one(change.connection())
        .await?
        .number("count")?;
    if usize::try_from(count).is_ok_and(|count| count <= MAX_SECRETS_PER_FUNCTION) {
        Ok(())
    } else {
        Err(StoreError::TooManySecrets {
            count,
            limit: MAX_SECRETS_PER_FUNCTION,
        })
    }
}

/// The names of a secret's owner, for the audit trail.
pub(crate) struct Place {
    /// `None` for the organisation.
    function: Option<Slug>,
    preview: Option<PreviewName>,
}

pub(crate) async fn place(
    change: &mut Change<'_>,
    owner: &SecretOwner,
) -> Result<Place, StoreError> {
    let (function, preview) = match owner {
        SecretOwner::Function(id) => {
            let slug = functions::slug_of(change.connection(), id).await?;
            (Some(slug), None)
        }
        SecretOwner::Preview(id) => {
            let (slug, name) = previews::place_of(change.connection(), id).await?;
            (Some(slug), Some(name))
        }
        SecretOwner::Organisation => (None, None),
    };
    Ok(Place { function, preview })
}

impl Place {
    fn set<'a>(&'a self, key: &'a SecretKey) -> Entry<'a> {
        self.entry(Action::SecretSet, Action::PreviewSecretSet, key)
    }

    fn delete<'a>(&'a self, key: &'a SecretKey) -> Entry<'a> {
        self.entry(Action::SecretDelete, Action::PreviewSecretDelete, key)
    }

    pub(crate) fn rollback<'a>(&'a self, key: &'a SecretKey) -> Entry<'a> {
        let of_preview = Action::PreviewSecretRollback;
        self.entry(Action::SecretRollback, of_preview, key)
    }

    fn entry<'a>(&'a self, usual: Action, of_preview: Action, key: &'a SecretKey) -> Entry<'a> {
        let preview = self.preview.as_ref();
        Entry {
            action: if preview.is_some() { of_preview } else { usual },
            function: self.function.as_ref(),
            target: key.as_str(),
            detail: preview.map(PreviewName::as_str),
        }
    }
}

fn record(row: &AnyRow) -> Result<SecretRecord, StoreError> {
    Ok(SecretRecord {
        owner: row.parsed("owner")?,
        key: row.parsed("key")?,
        sealed: row.sealed()?,
    })
}
