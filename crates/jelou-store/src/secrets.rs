//! Secrets, as the vault sealed them. No plain text gets past this file.

use std::fmt;
use std::str::FromStr;

use jelou_core::api::Secret;
use jelou_core::id::ParseIdError;
use jelou_core::secret_key::{MAX_SECRET_VALUE_BYTES, MAX_SECRETS_PER_FUNCTION};
use jelou_core::{FunctionId, SecretKey, Slug};
use jiff::Timestamp;
use sqlx::AnyExecutor;
use sqlx::any::AnyRow;
use zeroize::Zeroizing;

use crate::actor::Actor;
use crate::audit::Action;
use crate::change::{Change, Entry};
use crate::error::{Resource, StoreError};
use crate::row::Columns;
use crate::store::{self, Store};
use crate::vault::SealedSecret;

/// Whose secrets. A function reads those of the organisation too; its own win.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretOwner {
    Function(FunctionId),
    Organisation,
}

const ORGANISATION: &str = "organisation";

impl fmt::Display for SecretOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(id) => f.write_str(id.as_str()),
            Self::Organisation => f.write_str(ORGANISATION),
        }
    }
}

impl FromStr for SecretOwner {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == ORGANISATION {
            return Ok(Self::Organisation);
        }
        text.parse().map(Self::Function)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRecord {
    pub owner: SecretOwner,
    pub key: SecretKey,
    pub sealed: SealedSecret,
}

impl Store {
    /// Names and times, never values. Sorted by key.
    pub async fn list_secrets(&self, owner: &SecretOwner) -> Result<Vec<Secret>, StoreError> {
        sqlx::query("SELECT key, updated_at, updated_by FROM secrets WHERE owner = $1 ORDER BY key")
            .bind(owner.to_string())
            .fetch_all(self.database.pool())
            .await?
            .iter()
            .map(|row| {
                Ok(Secret {
                    key: row.parsed("key")?,
                    updated_at: row.time("updated_at")?,
                    updated_by: row.text("updated_by")?,
                })
            })
            .collect()
    }

    /// Sorted by key.
    pub async fn sealed_secrets(
        &self,
        owner: &SecretOwner,
    ) -> Result<Vec<SecretRecord>, StoreError> {
        sqlx::query(
            "SELECT owner, key, ciphertext, key_id FROM secrets WHERE owner = $1 ORDER BY key",
        )
        .bind(owner.to_string())
        .fetch_all(self.database.pool())
        .await?
        .iter()
        .map(record)
        .collect()
    }

    /// Sets these, all or none, and leaves the owner's others as they are. Returns what was stored.
    pub async fn set_secrets(
        &self,
        actor: &Actor,
        owner: &SecretOwner,
        secrets: Vec<(SecretKey, Zeroizing<String>)>,
    ) -> Result<Vec<SecretRecord>, StoreError> {
        let sealed = secrets
            .into_iter()
            .map(|(key, value)| self.seal(owner, key, &value))
            .collect::<Result<Vec<_>, _>>()?;
        if sealed.is_empty() {
            return Ok(sealed);
        }
        let mut change = self.change(actor).await?;
        let slug = slug(&mut change, owner).await?;
        for secret in &sealed {
            upsert(&mut change, secret).await?;
            change
                .record(entry(Action::SecretSet, slug.as_ref(), &secret.key))
                .await?;
        }
        check_count(&mut change, owner).await?;
        change.commit().await?;
        Ok(sealed)
    }

    pub async fn delete_secret(
        &self,
        actor: &Actor,
        owner: &SecretOwner,
        key: &SecretKey,
    ) -> Result<(), StoreError> {
        let mut change = self.change(actor).await?;
        let slug = slug(&mut change, owner).await?;
        let deleted = sqlx::query("DELETE FROM secrets WHERE owner = $1 AND key = $2")
            .bind(owner.to_string())
            .bind(key.as_str())
            .execute(change.connection())
            .await?;
        if deleted.rows_affected() == 0 {
            return Err(StoreError::not_found(Resource::Secret, key));
        }
        change
            .record(entry(Action::SecretDelete, slug.as_ref(), key))
            .await?;
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

async fn upsert(change: &mut Change<'_>, secret: &SecretRecord) -> Result<(), StoreError> {
    let (at, by): (Timestamp, _) = (change.now(), change.actor().name.as_str());
    sqlx::query(
        "INSERT INTO secrets (owner, key, ciphertext, key_id, updated_at, updated_by) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (owner, key) DO UPDATE SET \
         ciphertext = excluded.ciphertext, key_id = excluded.key_id, \
         updated_at = excluded.updated_at, updated_by = excluded.updated_by",
    )
    .bind(secret.owner.to_string())
    .bind(secret.key.as_str())
    .bind(secret.sealed.ciphertext())
    .bind(secret.sealed.key_id().as_str())
    .bind(at.as_millisecond())
    .bind(by)
    .execute(change.connection())
    .await?;
    Ok(())
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

/// The function's slug; the organisation has none.
async fn slug(change: &mut Change<'_>, owner: &SecretOwner) -> Result<Option<Slug>, StoreError> {
    match owner {
        SecretOwner::Function(id) => store::slug_of(change.connection(), id).await.map(Some),
        SecretOwner::Organisation => Ok(None),
    }
}

fn entry<'a>(action: Action, slug: Option<&'a Slug>, key: &'a SecretKey) -> Entry<'a> {
    Entry {
        action,
        function: slug,
        target: key.as_str(),
        detail: None,
    }
}

fn record(row: &AnyRow) -> Result<SecretRecord, StoreError> {
    Ok(SecretRecord {
        owner: row.parsed("owner")?,
        key: row.parsed("key")?,
        sealed: SealedSecret::from_parts(row.parsed("key_id")?, row.bytes("ciphertext")?),
    })
}
