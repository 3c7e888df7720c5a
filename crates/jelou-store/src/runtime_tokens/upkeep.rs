//! Finds tokens that need attention, because they expire soon or are unused.

use jelou_core::{FunctionId, TokenId, TokenName};
use jiff::Timestamp;

use crate::database::row::Columns;
use crate::error::StoreError;
use crate::store::Store;

/// An enabled token that will expire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiringToken {
    pub id: TokenId,
    pub function: FunctionId,
    pub name: TokenName,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// The number of days in the last warning. `None` before the first warning.
    pub warned_days: Option<i64>,
}

impl Store {
    /// Returns the enabled tokens that expire after `from` and not after `until`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn expiring_tokens(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<ExpiringToken>, StoreError> {
        sqlx::query(
            "SELECT id, function_id, name, created_at, expires_at, expiry_warned_days FROM runtime_tokens \
             WHERE revoked_at IS NULL AND disabled_at IS NULL AND expires_at > $1 AND expires_at <= $2 \
             ORDER BY expires_at, id",
        )
        .bind(from.as_millisecond())
        .bind(until.as_millisecond())
        .fetch_all(self.database.pool())
        .await?
        .iter()
        .map(|row| {
            Ok(ExpiringToken {
                id: row.parsed("id")?,
                function: row.parsed("function_id")?,
                name: row.parsed("name")?,
                created_at: row.time("created_at")?,
                expires_at: row.time("expires_at")?,
                warned_days: row.optional_number("expiry_warned_days")?,
            })
        })
        .collect()
    }

    /// Stores which warnings were given, so that none is repeated. This is not a change of configuration.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn note_expiry_warnings(&self, warned: &[(TokenId, i64)]) -> Result<(), StoreError> {
        if warned.is_empty() {
            return Ok(());
        }
        let mut write = self.database.write().await?;
        for (id, days) in warned {
            sqlx::query("UPDATE runtime_tokens SET expiry_warned_days = $1 WHERE id = $2")
                .bind(*days)
                .bind(id.as_str())
                .execute(write.transaction())
                .await?;
        }
        Ok(write.commit().await?)
    }

    /// Returns the enabled, unexpired tokens that were not used since `since`. Skips tokens that were created or
    /// enabled since then, because they may not have been used yet.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn unused_tokens(
        &self,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<(FunctionId, TokenId)>, StoreError> {
        sqlx::query(
            "SELECT function_id, id FROM runtime_tokens WHERE revoked_at IS NULL AND disabled_at IS NULL \
             AND created_at < $1 AND (last_used_at IS NULL OR last_used_at < $1) \
             AND (enabled_at IS NULL OR enabled_at < $1) AND (expires_at IS NULL OR expires_at > $2) \
             ORDER BY function_id, created_at, id",
        )
        .bind(since.as_millisecond())
        .bind(now.as_millisecond())
        .fetch_all(self.database.pool())
        .await?
        .iter()
        .map(|row| Ok((row.parsed("function_id")?, row.parsed("id")?)))
        .collect()
    }
}
