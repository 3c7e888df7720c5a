//! The memory of functions (`ctx.memory`): values with a time to live.
//!
//! Memory is user data, not configuration, so its changes leave no audit entry and do not raise the revision.

use jelou_core::{FunctionId, PreviewId};
use sqlx::AnyExecutor;

use crate::database::Connection;
use crate::database::row::Columns;
use crate::error::StoreError;
use crate::store::Store;

/// The namespace of a value: a function or a preview and, within it, a user or conversation.
#[derive(Debug, Clone, Copy)]
pub struct MemoryOwner<'a> {
    pub function: &'a FunctionId,
    /// The preview of the function. Its memory is separate.
    pub preview: Option<&'a PreviewId>,
    /// The user or conversation. Empty if the request has none.
    pub scope: &'a str,
}

impl MemoryOwner<'_> {
    /// Returns the value of the column `function_id`.
    fn id(&self) -> &str {
        self.preview
            .map_or_else(|| self.function.as_str(), PreviewId::as_str)
    }
}

/// The operator's limits of the memory.
#[derive(Debug, Clone, Copy)]
pub struct MemoryLimits {
    /// Maximum number of values of one function, in all scopes together.
    pub entries: u64,
    /// Maximum bytes of a value.
    pub value_bytes: u64,
}

impl Store {
    /// Returns a value. Returns `None` if it does not exist or has expired.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn recall(
        &self,
        owner: MemoryOwner<'_>,
        key: &str,
    ) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query(
            "SELECT value FROM memory \
             WHERE function_id = $1 AND scope = $2 AND key = $3 AND expires_at > $4",
        )
        .bind(owner.id())
        .bind(owner.scope)
        .bind(key)
        .bind(self.clock.now_ms())
        .fetch_optional(self.database.pool())
        .await?
        .map(|row| row.text("value"))
        .transpose()?)
    }

    /// Stores a value for `ttl_ms` milliseconds.
    ///
    /// # Errors
    /// [`StoreError::MemoryFull`], [`StoreError::MemoryValueTooLarge`], [`StoreError::Database`].
    pub async fn remember(
        &self,
        owner: MemoryOwner<'_>,
        key: &str,
        value: &str,
        ttl_ms: i64,
        limits: MemoryLimits,
    ) -> Result<(), StoreError> {
        let bytes = value.len() as u64;
        if bytes > limits.value_bytes {
            return Err(StoreError::MemoryValueTooLarge {
                bytes,
                limit: limits.value_bytes,
            });
        }
        let now = self.clock.now_ms();
        let mut write = self.database.write_one_row().await?;
        let connection: &mut Connection = write.transaction();
        // Two servers that store a value at the same time may exceed the limit by one.
        if others(&mut *connection, owner, key, now).await? >= limits.entries {
            return Err(StoreError::MemoryFull {
                limit: limits.entries,
            });
        }
        sqlx::query(
            "INSERT INTO memory (function_id, scope, key, value, expires_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (function_id, scope, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at",
        )
        .bind(owner.id())
        .bind(owner.scope)
        .bind(key)
        .bind(value)
        .bind(now.saturating_add(ttl_ms))
        .execute(connection)
        .await?;
        Ok(write.commit().await?)
    }

    /// Deletes a value. A missing value is not an error.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn forget(&self, owner: MemoryOwner<'_>, key: &str) -> Result<(), StoreError> {
        let mut write = self.database.write_one_row().await?;
        sqlx::query("DELETE FROM memory WHERE function_id = $1 AND scope = $2 AND key = $3")
            .bind(owner.id())
            .bind(owner.scope)
            .bind(key)
            .execute(write.transaction())
            .await?;
        Ok(write.commit().await?)
    }

    /// Deletes values that have expired on every server, and returns their number.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn sweep_memory(&self) -> Result<u64, StoreError> {
        let mut write = self.database.write().await?;
        let expired_by = self.deletion_time_in(write.transaction()).await?;
        let swept = sqlx::query("DELETE FROM memory WHERE expires_at <= $1")
            .bind(expired_by.as_millisecond())
            .execute(write.transaction())
            .await?
            .rows_affected();
        write.commit().await?;
        Ok(swept)
    }
}

/// Counts the unexpired values of a function, except the value of `key`.
async fn others(
    executor: impl AnyExecutor<'_>,
    owner: MemoryOwner<'_>,
    key: &str,
    now: i64,
) -> Result<u64, StoreError> {
    Ok(sqlx::query(
        "SELECT count(*) AS count FROM memory \
         WHERE function_id = $1 AND expires_at > $2 AND NOT (scope = $3 AND key = $4)",
    )
    .bind(owner.id())
    .bind(now)
    .bind(owner.scope)
    .bind(key)
    .fetch_one(executor)
    .await?
    .size("count")?)
}
