//! The handle on the database and its vault.

use std::collections::BTreeSet;
use std::sync::Arc;

use jelou_core::Clock;
use jelou_core::histogram::Durations;

use crate::actor::Actor;
use crate::audit;
use crate::change::Change;
use crate::database::row::Columns;
use crate::database::{Database, StoreConfig};
use crate::error::StoreError;
use crate::vault::{KeyId, Vault};

/// A handle on the database and its vault. Clones use the same database and vault.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) database: Arc<Database>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Clock,
}

impl Store {
    /// Opens and migrates the database. Creates it if it does not exist.
    ///
    /// # Errors
    /// [`StoreError::Vault`] when the vault lacks the key of a stored secret, so that the server fails at its start and
    /// not later when a function needs the secret. [`StoreError::Database`] when the database cannot be opened or
    /// migrated.
    pub async fn open(
        config: &StoreConfig,
        mut vault: Vault,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let database = Database::open(config).await?;
        audit::complete_chain(&database).await?;
        vault.admit(&key_ids_in_use(&database).await?)?;
        Ok(Self {
            database: Arc::new(database),
            vault: Arc::new(vault),
            clock,
        })
    }

    /// Returns the durations of committed write transactions, including the wait for other changes.
    pub fn write_durations(&self) -> Durations {
        self.database.writes.read()
    }

    /// Returns the vault, which encrypts and decrypts secrets without the database.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Returns the revision: the number of the last change.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn revision(&self) -> Result<i64, StoreError> {
        Ok(
            sqlx::query("SELECT value AS revision FROM revision WHERE id = 1")
                .fetch_one(self.database.pool())
                .await?
                .number("revision")?,
        )
    }

    /// Checks that the database responds.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it does not respond.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.revision().await.map(drop)
    }

    /// Waits for the change in progress, checkpoints the write-ahead log and closes the database. Later calls fail with
    /// [`DatabaseError::Unavailable`](crate::DatabaseError::Unavailable).
    ///
    /// # Errors
    /// [`StoreError::Database`] when the checkpoint fails. The database is closed anyway.
    pub async fn close(&self) -> Result<(), StoreError> {
        Ok(self.database.close().await?)
    }

    pub(crate) async fn change<'a>(&'a self, actor: &'a Actor) -> Result<Change<'a>, StoreError> {
        Ok(Change::new(
            self.database.write().await?,
            actor,
            self.clock.now(),
        ))
    }
}

async fn key_ids_in_use(database: &Database) -> Result<BTreeSet<KeyId>, StoreError> {
    sqlx::query(
        "SELECT key_id FROM secrets UNION SELECT key_id FROM secret_versions \
         UNION SELECT key_id FROM identity_keys",
    )
    .fetch_all(database.pool())
    .await?
    .iter()
    .map(|row| Ok(row.parsed("key_id")?))
    .collect()
}
