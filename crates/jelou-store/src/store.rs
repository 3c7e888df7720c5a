//! The handle that everything else hangs on.

use std::collections::BTreeSet;
use std::sync::Arc;

use jelou_core::{Clock, FunctionId, Slug};
use sqlx::AnyConnection;

use crate::actor::Actor;
use crate::change::Change;
use crate::config::StoreConfig;
use crate::database::Database;
use crate::error::{Resource, StoreError};
use crate::row::Columns;
use crate::vault::{KeyId, Vault};

/// A handle on the database and its vault; clones share both.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) database: Arc<Database>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Clock,
}

impl Store {
    /// Opens and migrates the database, creating it when it does not exist.
    ///
    /// # Errors
    /// [`StoreError::Vault`] when the database holds secrets that the vault has no key for: with a key that was lost or
    /// mixed up, it is better not to start than to find out when a function asks for its secret.
    pub async fn open(
        config: &StoreConfig,
        mut vault: Vault,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let database = Database::open(config).await?;
        vault.admit(&key_ids_in_use(&database).await?)?;
        Ok(Self {
            database: Arc::new(database),
            vault: Arc::new(vault),
            clock,
        })
    }

    /// Encrypts and decrypts secrets; needs no database.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The number of the last change.
    pub async fn revision(&self) -> Result<i64, StoreError> {
        sqlx::query("SELECT value AS revision FROM revision WHERE id = 1")
            .fetch_one(self.database.pool())
            .await?
            .number("revision")
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.revision().await.map(drop)
    }

    /// Waits for the change in progress, writes everything into the database file and closes it. Any later call fails
    /// with [`StoreError::Unavailable`].
    pub async fn close(&self) -> Result<(), StoreError> {
        self.database.close().await
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
        .map(|row| row.parsed("key_id"))
        .collect()
}

/// The slug of a function that must exist, for the audit trail.
pub(crate) async fn slug_of(
    connection: &mut AnyConnection,
    function: &FunctionId,
) -> Result<Slug, StoreError> {
    sqlx::query("SELECT slug FROM functions WHERE id = $1")
        .bind(function.as_str())
        .fetch_optional(connection)
        .await?
        .ok_or_else(|| StoreError::not_found(Resource::Function, function))?
        .parsed("slug")
}
