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

/// A handle on the database and its vault; clones share both.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) database: Arc<Database>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Clock,
}

impl Store {
    /// Opens and migrates the database; creates it when it does not exist.
    ///
    /// # Errors
    /// [`StoreError::Vault`] when the database holds secrets whose key the vault lacks. A failed start is better than a
    /// later failure when a function needs its secret. [`StoreError::Database`] when the database cannot be opened or
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

    /// Transactions that write, including the wait for their turn.
    pub fn write_durations(&self) -> Durations {
        self.database.writes.read()
    }

    /// Encrypts and decrypts secrets. Does not use the database.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The number of the last change.
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
    /// [`StoreError::Database`] when the checkpoint fails. The database is closed nevertheless.
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
    sqlx::query("SELECT DISTINCT key_id FROM secrets")
        .fetch_all(database.pool())
        .await?
        .iter()
        .map(|row| Ok(row.parsed("key_id")?))
        .collect()
}
