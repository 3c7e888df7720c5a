//! The audit trail. Only [`Change::record`](crate::change::Change::record) appends entries.

use jelou_core::api::{AuditEntry, AuditPage};
use sqlx::any::AnyRow;

use crate::database::row::Columns;
use crate::error::StoreError;
use crate::store::Store;

const MAX_PAGE: i64 = 1_000;

impl Store {
    /// Returns a page of 1 to 1,000 entries, newest first. With `before`, the page starts with the entry before that
    /// id.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn audit(&self, before: Option<i64>, limit: usize) -> Result<AuditPage, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
        let rows = sqlx::query(
            "SELECT id, at, actor, action, function_slug, target, detail FROM audit \
             WHERE id < $1 ORDER BY id DESC LIMIT $2",
        )
        .bind(before.unwrap_or(i64::MAX))
        // One more entry shows whether there is a further page.
        .bind(limit + 1)
        .fetch_all(self.database.pool())
        .await?;
        let mut items = rows.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|entry| entry.id);
        Ok(AuditPage { items, next })
    }
}

fn entry(row: &AnyRow) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        id: row.number("id")?,
        at: row.time("at")?,
        actor: row.text("actor")?,
        action: row.text("action")?,
        function: row.optional_text("function_slug")?,
        target: row.text("target")?,
        detail: row.optional_text("detail")?,
    })
}
