//! The audit trail. Only [`Change::record`](crate::change::Change::record) appends entries.

use jelou_core::api::{AuditEntry, AuditHead, AuditPage};
use jelou_core::audit_chain;
use serde_json::Value;
use sqlx::any::AnyRow;

use crate::database::row::Columns;
use crate::database::{Connection, Database, DatabaseError};
use crate::error::StoreError;
use crate::store::Store;

const MAX_PAGE: i64 = 1_000;

const NEWEST: &str = "SELECT id, at, actor, actor_name, address, action, function_slug, target, detail, \
     old_value, new_value, previous_hash, hash FROM audit WHERE id < $1 ORDER BY id DESC LIMIT $2";
const OLDEST: &str = "SELECT id, at, actor, actor_name, address, action, function_slug, target, detail, \
     old_value, new_value, previous_hash, hash FROM audit WHERE id > $1 ORDER BY id LIMIT $2";
const UNHASHED: &str = "SELECT id, at, actor, actor_name, address, action, function_slug, target, detail, \
     old_value, new_value, previous_hash, hash FROM audit WHERE hash IS NULL ORDER BY id";

impl Store {
    /// Returns a page of 1 to 1,000 entries, newest first. With `before`, the page contains only entries with a smaller
    /// id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn audit(&self, before: Option<i64>, limit: usize) -> Result<AuditPage, StoreError> {
        self.audit_page(NEWEST, before.unwrap_or(i64::MAX), limit)
            .await
    }

    /// Returns a page of 1 to 1,000 entries with an id greater than `after`, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn audit_after(&self, after: i64, limit: usize) -> Result<AuditPage, StoreError> {
        self.audit_page(OLDEST, after, limit).await
    }

    async fn audit_page(
        &self,
        statement: &'static str,
        bound: i64,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
        // One snapshot, so that the page and the head agree.
        let mut state = self.database.snapshot().await?;
        let head = sqlx::query("SELECT value AS revision, hash FROM revision WHERE id = 1")
            .fetch_one(&mut state)
            .await?;
        let head = AuditHead {
            id: head.number("revision")?,
            hash: head.optional_text("hash")?,
        };
        let rows = sqlx::query(statement)
            .bind(bound)
            // One extra entry shows whether there is a next page.
            .bind(limit + 1)
            .fetch_all(&mut state)
            .await?;
        let mut items = rows.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|entry| entry.id);
        Ok(AuditPage {
            items,
            next,
            head: Some(head),
        })
    }
}

/// Adds the missing hashes of entries that earlier releases wrote, oldest first, so that the chain includes them.
pub(crate) async fn complete_chain(database: &Database) -> Result<(), StoreError> {
    let mut write = database.write().await?;
    let rows = sqlx::query(UNHASHED).fetch_all(write.transaction()).await?;
    let Some(first) = rows.first() else {
        return Ok(());
    };
    let mut previous = sqlx::query("SELECT hash FROM audit WHERE id < $1 ORDER BY id DESC LIMIT 1")
        .bind(first.number("id")?)
        .fetch_optional(write.transaction())
        .await?
        .map(|row| row.optional_text("hash"))
        .transpose()?
        .flatten()
        .unwrap_or_else(|| audit_chain::FIRST.to_owned());
    for row in &rows {
        let mut entry = entry(row)?;
        entry.previous = Some(previous.clone());
        let hash = audit_chain::hash(&entry);
        sqlx::query("UPDATE audit SET previous_hash = $1, hash = $2 WHERE id = $3")
            .bind(previous)
            .bind(hash.as_str())
            .bind(entry.id)
            .execute(write.transaction())
            .await?;
        previous = hash;
    }
    sqlx::query("UPDATE revision SET hash = $1 WHERE id = 1")
        .bind(previous)
        .execute(write.transaction())
        .await?;
    Ok(write.commit().await?)
}

pub(crate) async fn insert(
    connection: &mut Connection,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let text = |value: &Option<Value>| value.as_ref().map(Value::to_string);
    sqlx::query(
        "INSERT INTO audit (id, at, actor, actor_name, address, action, function_slug, target, detail, \
         old_value, new_value, previous_hash, hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(entry.id)
    .bind(entry.at.as_millisecond())
    .bind(entry.actor.as_str())
    .bind(entry.actor_name.as_deref())
    .bind(entry.address.as_deref())
    .bind(entry.action.as_str())
    .bind(entry.function.as_deref())
    .bind(entry.target.as_str())
    .bind(entry.detail.as_deref())
    .bind(text(&entry.before))
    .bind(text(&entry.after))
    .bind(entry.previous.as_deref())
    .bind(entry.hash.as_deref())
    .execute(connection)
    .await?;
    Ok(())
}

fn entry(row: &AnyRow) -> Result<AuditEntry, DatabaseError> {
    Ok(AuditEntry {
        id: row.number("id")?,
        at: row.time("at")?,
        actor: row.text("actor")?,
        actor_name: row.optional_text("actor_name")?,
        address: row.optional_text("address")?,
        action: row.text("action")?,
        function: row.optional_text("function_slug")?,
        target: row.text("target")?,
        detail: row.optional_text("detail")?,
        before: row.optional_json("old_value")?,
        after: row.optional_json("new_value")?,
        previous: row.optional_text("previous_hash")?,
        hash: row.optional_text("hash")?,
    })
}
