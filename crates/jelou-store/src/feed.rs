//! The feed of changes, for servers that share a database: what has changed since a position in its history.
//!
//! The audit trail is the log of changes. Its entries are numbered without gaps, and become visible in this order.
//! After a restored backup or a failover to a standby that lacks changes, numbers are used again. So a position also
//! has the hash of its entry, which covers the whole history before it.

use std::collections::BTreeSet;

use jelou_core::Slug;
use serde::{Deserialize, Serialize};
use sqlx::AnyExecutor;
use sqlx::any::AnyRow;

use crate::database::row::Columns;
use crate::database::{Connection, DatabaseError, Listener};
use crate::error::StoreError;
use crate::store::Store;

/// Maximum number of changes that are read one by one. If there are more, the server reads the whole state.
const MAX_CHANGES: i64 = 2_000;

/// A position in the history of the database.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Position {
    /// The revision: the number of the last change.
    pub revision: i64,
    /// The hash of the last change. `None` before the first one.
    pub hash: Option<String>,
    /// The number of changes of exchanged tokens, which leave no audit entry.
    pub exchanges: i64,
}

/// What has changed since a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// The position after these changes.
    pub position: Position,
    pub changed: Changed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// Everything may have changed: the history no longer contains the position, or is far ahead of it.
    Everything,
    /// Only these parts have changed.
    Parts(Parts),
}

/// Parts of the state that have changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a part of the state")]
pub struct Parts {
    /// Functions with a change of any kind: a deployment, a token, a secret, a preview, a setting.
    pub functions: BTreeSet<Slug>,
    pub organisation_secrets: bool,
    pub access_tokens: bool,
    /// Trust policies and exchanged tokens.
    pub trust: bool,
    /// Exchanged tokens only.
    pub exchanged_tokens: bool,
    /// Pauses of schedules.
    pub schedules: bool,
    /// The keys that sign identity tokens. No change names them, because each server reads them before it needs the
    /// next key.
    pub identity_keys: bool,
}

impl Parts {
    /// Returns all parts, with these functions.
    pub fn all(functions: BTreeSet<Slug>) -> Self {
        Self {
            functions,
            organisation_secrets: true,
            access_tokens: true,
            trust: true,
            exchanged_tokens: true,
            schedules: true,
            identity_keys: true,
        }
    }
}

impl Store {
    /// Returns what has changed since a position; `None` if nothing has.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn news(&self, since: &Position) -> Result<Option<News>, StoreError> {
        if head(self.database.pool()).await? == *since {
            return Ok(None);
        }
        let mut state = self.database.snapshot().await?;
        let position = head(&mut state).await?;
        let changed = if follows(&mut state, &position, since).await? {
            let mut parts = parts(&mut state, since).await?;
            parts.exchanged_tokens = position.exchanges != since.exchanges;
            Changed::Parts(parts)
        } else {
            Changed::Everything
        };
        Ok(Some(News { position, changed }))
    }

    /// Connects a listener, which receives a notification of each change. `None` if no other server can use the
    /// database.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn listen(&self) -> Result<Option<Listener>, StoreError> {
        Ok(self.database.listen().await?)
    }

    /// Whether other servers may use the database.
    pub fn is_shared(&self) -> bool {
        self.database.engine().is_shared()
    }
}

pub(crate) async fn head(executor: impl AnyExecutor<'_>) -> Result<Position, DatabaseError> {
    let row = sqlx::query("SELECT value AS revision, hash, exchanges FROM revision WHERE id = 1")
        .fetch_one(executor)
        .await?;
    Ok(Position {
        revision: row.number("revision")?,
        hash: row.optional_text("hash")?,
        exchanges: row.number("exchanges")?,
    })
}

/// Raises the number of changes of exchanged tokens.
pub(crate) async fn count_exchange(connection: &mut Connection) -> Result<(), DatabaseError> {
    sqlx::query("UPDATE revision SET exchanges = exchanges + 1 WHERE id = 1")
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether `since` is part of the history up to `head`, and at most [`MAX_CHANGES`] changes before it.
async fn follows(
    connection: &mut Connection,
    head: &Position,
    since: &Position,
) -> Result<bool, DatabaseError> {
    let behind = head.revision.checked_sub(since.revision);
    if behind.is_none_or(|behind| !(0..=MAX_CHANGES).contains(&behind)) {
        return Ok(false);
    }
    if since.revision == 0 {
        return Ok(true);
    }
    let row = sqlx::query("SELECT hash FROM audit WHERE id = $1")
        .bind(since.revision)
        .fetch_optional(connection)
        .await?;
    let hash = row.map(|row| row.optional_text("hash")).transpose()?;
    Ok(hash.is_some_and(|hash| hash == since.hash))
}

async fn parts(connection: &mut Connection, since: &Position) -> Result<Parts, DatabaseError> {
    let rows = sqlx::query("SELECT action, function_slug FROM audit WHERE id > $1 ORDER BY id")
        .bind(since.revision)
        .fetch_all(connection)
        .await?;
    let mut parts = Parts::default();
    for row in rows {
        let action = row.text("action")?;
        let (resource, _) = action.split_once('.').unwrap_or((&action, ""));
        match resource {
            "access_token" => parts.access_tokens = true,
            "trust" => parts.trust = true,
            "schedule" => parts.schedules = true,
            "secret" if row.optional_text("function_slug")?.is_none() => {
                parts.organisation_secrets = true;
            }
            _ => parts.functions.extend(function(&row)?),
        }
    }
    Ok(parts)
}

/// Returns the function of a change. `None` also if its slug is not valid: then no host name leads to it.
fn function(row: &AnyRow) -> Result<Option<Slug>, DatabaseError> {
    let slug = row.optional_text("function_slug")?;
    Ok(slug.and_then(|slug| slug.parse().ok()))
}
