//! The handle on the database and its vault.

use std::collections::BTreeSet;
use std::sync::Arc;

use jelou_core::histogram::Durations;
use jelou_core::{Clock, NodeId};

use crate::actor::Actor;
use crate::audit;
use crate::change::Change;
use crate::database::row::Columns;
use crate::database::{Connection, Database, DatabaseError, SchemaState, StoreConfig};
use crate::error::StoreError;
use crate::feed::{self, Position};
use crate::vault::{KeyId, Vault, VaultError};

/// A handle on the database and its vault. Clones use the same database and vault.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) database: Arc<Database>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Clock,
    /// The server that uses this handle, if others may use the same database.
    pub(crate) node: Option<NodeId>,
}

/// Compares the schema of a database with that of this program. Changes nothing.
///
/// # Errors
/// [`DatabaseError`] when the database does not exist or cannot be read.
pub async fn schema_state(config: &StoreConfig) -> Result<SchemaState, DatabaseError> {
    let database = Database::connect_existing(config).await?;
    database.schema_state().await
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
        admit(&database, |in_use| {
            vault.admit(in_use)?;
            Ok(vault.key_id())
        })
        .await?;
        Ok(Self::on(database, vault, clock))
    }

    /// Returns a handle on a database that does not answer now. [`Self::complete_start`] must succeed before any other
    /// use.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the configuration is wrong.
    pub fn away(config: &StoreConfig, vault: Vault, clock: Clock) -> Result<Self, StoreError> {
        Ok(Self::on(Database::open_existing(config)?, vault, clock))
    }

    /// Completes the start of a server whose database was away, with the same checks as [`Self::open`].
    ///
    /// # Errors
    /// Those of [`Self::open`], and [`DatabaseError::Empty`]: the copied database was not empty, so this one is about
    /// to be restored, or is the wrong one.
    pub async fn complete_start(&self) -> Result<(), StoreError> {
        if self.database.schema_state().await?.database.is_none() {
            return Err(DatabaseError::Empty.into());
        }
        self.database.migrate().await?;
        audit::complete_chain(&self.database).await?;
        admit(&self.database, |in_use| {
            self.vault.check(in_use)?;
            Ok(self.vault.key_id())
        })
        .await
    }

    fn on(database: Database, vault: Vault, clock: Clock) -> Self {
        Self {
            database: Arc::new(database),
            vault: Arc::new(vault),
            clock,
            node: None,
        }
    }

    /// Returns a handle for this server. The runs of schedules that it claims belong to this server.
    #[must_use]
    pub fn of_node(self, node: NodeId) -> Self {
        Self {
            node: Some(node),
            ..self
        }
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
        Ok(self.position().await?.revision)
    }

    /// Returns the position of the last change.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn position(&self) -> Result<Position, StoreError> {
        Ok(feed::head(self.database.pool()).await?)
    }

    /// Checks that the database responds.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it does not respond.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.revision().await.map(drop)
    }

    /// Waits for the change in progress, checkpoints the write-ahead log and closes the database. Later statements fail
    /// with [`DatabaseError::Unavailable`](crate::DatabaseError::Unavailable).
    ///
    /// # Errors
    /// [`StoreError::Database`] when the checkpoint fails. The database is closed anyway.
    pub async fn close(&self) -> Result<(), StoreError> {
        Ok(self.database.close().await?)
    }

    /// Returns the server that uses this handle, if others may use the same database.
    pub fn node(&self) -> Option<&NodeId> {
        self.node.as_ref()
    }

    pub(crate) async fn change<'a>(&'a self, actor: &'a Actor) -> Result<Change<'a>, StoreError> {
        Ok(Change::new(
            self.database.write().await?,
            actor,
            self.clock.now(),
        ))
    }
}

/// Checks that the vault has the keys of all stored secrets. Servers that share a database must also have the same
/// current key, because each decrypts values that the others have encrypted. The first server stores the id of its key,
/// and the others compare it. A database that only one server uses may have such an id, from a backup of a shared
/// database. Then the id is updated to that server's key, because a later backup may be restored to a shared database.
async fn admit(
    database: &Database,
    vault: impl FnOnce(&BTreeSet<KeyId>) -> Result<KeyId, VaultError>,
) -> Result<(), StoreError> {
    let mut write = database.write().await?;
    let connection: &mut Connection = write.transaction();
    let mut in_use = key_ids_in_use(&mut *connection).await?;
    if database.engine().is_shared() {
        let shared: Option<KeyId> = sqlx::query("SELECT key_id FROM cluster WHERE id = 1")
            .fetch_optional(&mut *connection)
            .await?
            .map(|row| row.parsed("key_id"))
            .transpose()?;
        in_use.extend(shared.clone());
        let current = vault(&in_use)?;
        match shared {
            Some(shared) if shared != current => {
                return Err(VaultError::NotTheSharedKey { current, shared }.into());
            }
            Some(_) => {}
            None => {
                sqlx::query("INSERT INTO cluster (id, key_id) VALUES (1, $1)")
                    .bind(current.as_str())
                    .execute(connection)
                    .await?;
            }
        }
    } else {
        let current = vault(&in_use)?;
        set_cluster_key(connection, &current).await?;
    }
    Ok(write.commit().await?)
}

/// Updates the id of the key that all servers must have, if there is one.
pub(crate) async fn set_cluster_key(
    connection: &mut Connection,
    current: &KeyId,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE cluster SET key_id = $1 WHERE key_id <> $1")
        .bind(current.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

async fn key_ids_in_use(connection: &mut Connection) -> Result<BTreeSet<KeyId>, StoreError> {
    sqlx::query(
        "SELECT key_id FROM secrets UNION SELECT key_id FROM secret_versions \
         UNION SELECT key_id FROM identity_keys",
    )
    .fetch_all(connection)
    .await?
    .iter()
    .map(|row| Ok(row.parsed("key_id")?))
    .collect()
}
