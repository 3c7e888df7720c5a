//! Rotation of the master key: every encrypted value of the database is encrypted anew, while the server runs.

use serde_json::json;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use crate::actor::Actor;
use crate::change::{Action, Change, Entry};
use crate::database::row::Columns;
use crate::error::StoreError;
use crate::store::{Store, set_cluster_key};
use crate::vault::{KeyId, SealedSecret, SecretOwner, VaultError};

/// Maximum number of values that a transaction encrypts anew. Other changes wait for the transaction.
const BATCH: i64 = 200;

/// The result of a rotation of the master key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterKeyRotation {
    /// The id of the key that encrypts everything now.
    pub key_id: KeyId,
    /// Number of values that were encrypted anew.
    pub values: u64,
}

impl Store {
    /// Checks that the master key can be rotated.
    ///
    /// # Errors
    /// [`StoreError::Vault`] when the key does not come from a file, or other servers use it.
    pub fn check_master_key_rotation(&self) -> Result<(), StoreError> {
        if self.is_shared() {
            // The other servers would not have the new key.
            return Err(VaultError::SharedKey.into());
        }
        if !self.vault.has_file() {
            return Err(VaultError::NoKeyFile.into());
        }
        Ok(())
    }

    /// Makes a new master key, and encrypts every value with it. Continues a rotation that was interrupted.
    ///
    /// # Errors
    /// [`StoreError::Vault`] when the key does not come from a file, or a value cannot be decrypted;
    /// [`StoreError::Database`]. Both keys stay in use then.
    pub async fn rotate_master_key(&self, actor: &Actor) -> Result<MasterKeyRotation, StoreError> {
        self.check_master_key_rotation()?;
        self.vault.begin_rotation()?;
        self.continue_rotation(actor).await
    }

    /// Whether a rotation is incomplete that this server can continue.
    pub fn is_rotating_master_key(&self) -> bool {
        self.vault.is_rotating() && !self.is_shared()
    }

    /// Encrypts every value with the current master key, and ends the rotation.
    ///
    /// # Errors
    /// Those of [`Self::rotate_master_key`].
    pub async fn continue_rotation(&self, actor: &Actor) -> Result<MasterKeyRotation, StoreError> {
        let mut values = 0;
        loop {
            let mut change = self.change(actor).await?;
            let done = self.encrypt_batch(&mut change).await?;
            values += done;
            if done > 0 {
                change.commit().await?;
                continue;
            }
            // No other change runs before this one is committed, so no value needs an earlier key.
            let key_id = self.vault.key_id();
            // If the keys do not come from a file, this runs at each start until the earlier keys are removed from the
            // configuration.
            if values == 0 && !self.vault.has_file() {
                return Ok(MasterKeyRotation { key_id, values });
            }
            let entry = Entry {
                action: Action::MasterKeyRotate,
                function: None,
                target: key_id.as_str(),
                detail: None,
            };
            set_cluster_key(change.connection(), &key_id).await?;
            let all = self.vault.key_ids();
            let ids: Vec<_> = all[1..].iter().map(KeyId::as_str).collect();
            let before = json!({ "keys": ids });
            let after = json!({ "keys": [key_id.as_str()] });
            change.record(entry, Some(before), Some(after)).await?;
            change.commit().await?;
            self.vault.finish_rotation()?;
            return Ok(MasterKeyRotation { key_id, values });
        }
    }

    /// Encrypts some of the values that need an earlier key. Returns their number.
    async fn encrypt_batch(&self, change: &mut Change<'_>) -> Result<u64, StoreError> {
        Ok(self.encrypt_secrets(change, "secrets").await?
            + self.encrypt_secrets(change, "secret_versions").await?
            + self.encrypt_identity_keys(change).await?)
    }

    /// Encrypts some of the values of a table of secrets.
    async fn encrypt_secrets(
        &self,
        change: &mut Change<'_>,
        table: &'static str,
    ) -> Result<u64, StoreError> {
        let select = format!(
            "SELECT owner, key, version, ciphertext, key_id FROM {table} WHERE key_id <> $1 LIMIT $2"
        );
        let rows = sqlx::query(AssertSqlSafe(select))
            .bind(self.vault.key_id().as_str())
            .bind(BATCH)
            .fetch_all(change.connection())
            .await?;
        for row in &rows {
            let sealed = self.encrypt_again(row)?;
            let update = format!(
                "UPDATE {table} SET ciphertext = $1, key_id = $2 \
                 WHERE owner = $3 AND key = $4 AND version = $5"
            );
            sqlx::query(AssertSqlSafe(update))
                .bind(sealed.ciphertext())
                .bind(sealed.key_id().as_str())
                .bind(row.text("owner")?)
                .bind(row.text("key")?)
                .bind(row.number("version")?)
                .execute(change.connection())
                .await?;
        }
        Ok(rows.len() as u64)
    }

    async fn encrypt_identity_keys(&self, change: &mut Change<'_>) -> Result<u64, StoreError> {
        let rows = sqlx::query(
            "SELECT id, ciphertext, key_id FROM identity_keys WHERE key_id <> $1 LIMIT $2",
        )
        .bind(self.vault.key_id().as_str())
        .bind(BATCH)
        .fetch_all(change.connection())
        .await?;
        for row in &rows {
            let id = row.text("id")?;
            let key = self.vault.unseal_identity_key(&id, &row.sealed()?)?;
            let sealed = self.vault.seal_identity_key(&id, &key)?;
            sqlx::query("UPDATE identity_keys SET ciphertext = $1, key_id = $2 WHERE id = $3")
                .bind(sealed.ciphertext())
                .bind(sealed.key_id().as_str())
                .bind(id)
                .execute(change.connection())
                .await?;
        }
        Ok(rows.len() as u64)
    }

    fn encrypt_again(&self, row: &AnyRow) -> Result<SealedSecret, StoreError> {
        let owner: SecretOwner = row.parsed("owner")?;
        let key = row.parsed("key")?;
        let value = self.vault.unseal(&owner, &key, &row.sealed()?)?;
        Ok(self.vault.seal(&owner, &key, &value)?)
    }
}
