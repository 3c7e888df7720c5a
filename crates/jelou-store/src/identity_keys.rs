//! Keys that sign the identity tokens of functions. The vault encrypts them.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use sqlx::any::AnyRow;
use zeroize::Zeroizing;

use crate::database::Connection;
use crate::database::row::Columns;
use crate::error::StoreError;
use crate::store::Store;

/// A key that signs identity tokens.
#[derive(Clone)]
pub struct IdentityKey {
    /// The key id in the tokens (`kid`).
    pub id: String,
    pub pkcs8: Zeroizing<Vec<u8>>,
    /// When the key begins to sign. It signs until the next key begins.
    pub signs_from: Timestamp,
}

/// Omits the private key.
impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityKey")
            .field("id", &self.id)
            .field("signs_from", &self.signs_from)
            .finish_non_exhaustive()
    }
}

/// How long keys sign, and how long they stay published afterwards.
#[derive(Debug, Clone, Copy)]
pub struct KeySchedule {
    pub period: SignedDuration,
    /// Must be at least the lifetime of a token.
    pub kept: SignedDuration,
}

impl Store {
    /// Returns the keys in signing order. Creates the first key, which signs now, and a next key, which signs only
    /// after a period, so that verifiers can fetch it before. Deletes keys that ended more than `schedule.kept` ago on
    /// every server. `generate` returns the id and the private key of a new key.
    ///
    /// # Errors
    /// The error of `generate`; [`StoreError::Vault`], [`StoreError::Database`].
    pub async fn rotate_identity_keys<E: From<StoreError>>(
        &self,
        schedule: KeySchedule,
        generate: impl Fn() -> Result<(String, Zeroizing<Vec<u8>>), E>,
    ) -> Result<Vec<IdentityKey>, E> {
        let mut write = self.database.write().await.map_err(StoreError::from)?;
        let connection = write.transaction();
        let now = self.agreed_time_in(connection).await?;
        let deletion_time = self.deletion_time_in(connection).await?;
        let mut keys = self.read_keys(connection).await?;
        while keys.last().is_none_or(|last| last.signs_from <= now) {
            let signs_from = if keys.is_empty() {
                now
            } else {
                now + schedule.period
            };
            let (id, pkcs8) = generate()?;
            let key = IdentityKey {
                id,
                pkcs8,
                signs_from,
            };
            self.insert_key(connection, &key).await?;
            keys.push(key);
        }
        while keys.len() > 2 && keys[1].signs_from + schedule.kept < deletion_time {
            let ended = keys.remove(0);
            delete_key(connection, &ended.id).await?;
        }
        write.commit().await.map_err(StoreError::from)?;
        Ok(keys)
    }

    async fn read_keys(&self, connection: &mut Connection) -> Result<Vec<IdentityKey>, StoreError> {
        sqlx::query(
            "SELECT id, ciphertext, key_id, signs_from FROM identity_keys ORDER BY signs_from",
        )
        .fetch_all(connection)
        .await?
        .iter()
        .map(|row| self.key(row))
        .collect()
    }

    fn key(&self, row: &AnyRow) -> Result<IdentityKey, StoreError> {
        let id = row.text("id")?;
        let sealed = row.sealed()?;
        Ok(IdentityKey {
            pkcs8: self.vault.unseal_identity_key(&id, &sealed)?,
            id,
            signs_from: row.time("signs_from")?,
        })
    }

    async fn insert_key(
        &self,
        connection: &mut Connection,
        key: &IdentityKey,
    ) -> Result<(), StoreError> {
        let sealed = self.vault.seal_identity_key(&key.id, &key.pkcs8)?;
        sqlx::query(
            "INSERT INTO identity_keys (id, ciphertext, key_id, signs_from) VALUES ($1, $2, $3, $4)",
        )
        .bind(key.id.as_str())
        .bind(sealed.ciphertext())
        .bind(sealed.key_id().as_str())
        .bind(key.signs_from.as_millisecond())
        .execute(connection)
        .await?;
        Ok(())
    }
}

async fn delete_key(connection: &mut Connection, id: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM identity_keys WHERE id = $1")
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}
