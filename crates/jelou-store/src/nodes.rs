//! The servers of a shared database. Each stores the time of its last report, and the position that it has applied.
//!
//! Times are those of the database, because the clocks of servers differ.

use jelou_core::NodeId;
use jiff::Timestamp;

use crate::database::Connection;
use crate::database::row::Columns;
use crate::error::StoreError;
use crate::feed::Position;
use crate::readable::{Readable, readable};
use crate::store::Store;

/// A server's report about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeReport {
    pub id: NodeId,
    /// URL of its management API.
    pub address: String,
    pub version: String,
    /// When its process started, by its own clock.
    pub started_at: Timestamp,
    /// Changes up to this position are applied.
    pub position: Position,
    /// How far its clock is ahead of the clock of the database.
    pub clock_offset_ms: i64,
    /// The parts of the state that it could not apply, each with the reason.
    pub unapplied: Vec<String>,
}

/// A server that has reported recently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRecord {
    pub report: NodeReport,
    /// Time since its last report.
    pub silent_ms: i64,
}

/// Returns the lines of a text. A server of an older version writes no text.
fn lines(text: Option<String>) -> Vec<String> {
    let text = text.unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

impl Store {
    /// Returns the time of the database.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn database_time(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query(self.database.engine().select_time())
            .fetch_one(self.database.pool())
            .await?
            .number("now")?)
    }

    pub(crate) async fn now_of(&self, connection: &mut Connection) -> Result<i64, StoreError> {
        Ok(sqlx::query(self.database.engine().select_time())
            .fetch_one(connection)
            .await?
            .number("now")?)
    }

    /// Stores the report of a server, at a time of the database.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn report_node(&self, node: &NodeReport, now_ms: i64) -> Result<(), StoreError> {
        // A single statement without the lock of changes, so that servers can report during a long change.
        sqlx::query(
            "INSERT INTO nodes (id, address, version, started_at, seen_at, revision, hash, exchanges, clock_offset_ms, unapplied) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO UPDATE SET address = excluded.address, \
             version = excluded.version, started_at = excluded.started_at, seen_at = excluded.seen_at, \
             revision = excluded.revision, hash = excluded.hash, exchanges = excluded.exchanges, \
             clock_offset_ms = excluded.clock_offset_ms, unapplied = excluded.unapplied",
        )
        .bind(node.id.as_str())
        .bind(node.address.as_str())
        .bind(node.version.as_str())
        .bind(node.started_at.as_millisecond())
        .bind(now_ms)
        .bind(node.position.revision)
        .bind(node.position.hash.as_deref())
        .bind(node.position.exchanges)
        .bind(node.clock_offset_ms)
        .bind(node.unapplied.join("\n"))
        .execute(self.database.pool())
        .await?;
        Ok(())
    }

    /// Removes this server, because it stops, and servers that have not reported for longer than `max_silence_ms`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn remove_node(&self, id: &NodeId, max_silence_ms: i64) -> Result<(), StoreError> {
        let now = self.database_time().await?;
        sqlx::query("DELETE FROM nodes WHERE id = $1 OR seen_at < $2")
            .bind(id.as_str())
            .bind(now - max_silence_ms)
            .execute(self.database.pool())
            .await?;
        Ok(())
    }

    /// Returns the servers that have reported within `max_silence_ms` and can be read, by address.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn nodes(&self, max_silence_ms: i64) -> Result<Readable<NodeRecord>, StoreError> {
        let now = self.database_time().await?;
        let rows = sqlx::query(
            "SELECT id, address, version, started_at, seen_at, revision, hash, exchanges, clock_offset_ms, unapplied FROM nodes \
             WHERE seen_at >= $1 ORDER BY address, id",
        )
        .bind(now - max_silence_ms)
        .fetch_all(self.database.pool())
        .await?;
        readable(&rows, ("nodes", "id"), |row| {
            Ok(NodeRecord {
                report: NodeReport {
                    id: row.parsed("id")?,
                    address: row.text("address")?,
                    version: row.text("version")?,
                    started_at: row.time("started_at")?,
                    position: Position {
                        revision: row.number("revision")?,
                        hash: row.optional_text("hash")?,
                        exchanges: row.number("exchanges")?,
                    },
                    clock_offset_ms: row.number("clock_offset_ms")?,
                    unapplied: lines(row.optional_text("unapplied")?),
                },
                silent_ms: now - row.number("seen_at")?,
            })
        })
    }
}
