//! What functions keep between requests, each value for a time.
//!
//! It is the functions' data and no change of the platform's: it leaves no audit entry and raises no revision.

use jelou_core::FunctionId;
use sqlx::{AnyConnection, AnyExecutor};

use crate::error::StoreError;
use crate::row::Columns;
use crate::store::Store;

/// Whose values: those of one function, and there of one user or conversation.
#[derive(Debug, Clone, Copy)]
pub struct MemoryOwner<'a> {
    pub function: &'a FunctionId,
    pub scope: &'a str,
}

#[derive(Debug, Clone, Copy)]
pub struct MemoryLimits {
    /// Values of one function, of all its scopes together.
    pub entries: u64,
    /// Bytes of a value.
    pub value_bytes: u64,
}

impl Store {
    /// `None` when there is none, or its time is over.
    pub async fn recall(
        &self,
        owner: MemoryOwner<'_>,
        key: &str,
    ) -> Result<Option<String>, StoreError> {
        sqlx::query(
            "SELECT value FROM memory \
             WHERE function_id = $1 AND scope = $2 AND key = $3 AND expires_at > $4",
        )
        .bind(owner.function.as_str())
        .bind(owner.scope)
        .bind(key)
        .bind(self.clock.now_ms())
        .fetch_optional(self.database.pool())
        .await?
        .map(|row| row.text("value"))
        .transpose()
    }

    /// Keeps a value for that many milliseconds.
    ///
    /// # Errors
    /// [`StoreError::MemoryFull`] and [`StoreError::MemoryValueTooLarge`] name the limit.
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
        let mut write = self.database.write().await?;
        let connection: &mut AnyConnection = write.transaction();
        if others(&mut *connection, owner, key, now).await? >= limits.entries {
            return Err(StoreError::MemoryFull {
                limit: limits.entries,
            });
        }
        sqlx::query(
            "INSERT INTO memory (function_id, scope, key, value, expires_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (function_id, scope, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at",
        )
        .bind(owner.function.as_str())
        .bind(owner.scope)
        .bind(key)
        .bind(value)
        .bind(now.saturating_add(ttl_ms))
        .execute(connection)
        .await?;
        write.commit().await
    }

    /// It is no error when there is none.
    pub async fn forget(&self, owner: MemoryOwner<'_>, key: &str) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        sqlx::query("DELETE FROM memory WHERE function_id = $1 AND scope = $2 AND key = $3")
            .bind(owner.function.as_str())
            .bind(owner.scope)
            .bind(key)
            .execute(&mut **write.transaction())
            .await?;
        write.commit().await
    }

    /// Removes the values whose time is over, which nobody sees any more. Returns how many there were.
    pub async fn sweep_memory(&self) -> Result<u64, StoreError> {
        let mut write = self.database.write().await?;
        let swept = sqlx::query("DELETE FROM memory WHERE expires_at <= $1")
            .bind(self.clock.now_ms())
            .execute(&mut **write.transaction())
            .await?
            .rows_affected();
        write.commit().await?;
        Ok(swept)
    }
}

/// How many values the function keeps beside this one.
async fn others(
    executor: impl AnyExecutor<'_>,
    owner: MemoryOwner<'_>,
    key: &str,
    now: i64,
) -> Result<u64, StoreError> {
    sqlx::query(
        "SELECT count(*) AS count FROM memory \
         WHERE function_id = $1 AND expires_at > $2 AND NOT (scope = $3 AND key = $4)",
    )
    .bind(owner.function.as_str())
    .bind(now)
    .bind(owner.scope)
    .bind(key)
    .fetch_one(executor)
    .await?
    .size("count")
}

pub(crate) async fn forget_function(
    connection: &mut AnyConnection,
    function: &FunctionId,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM memory WHERE function_id = $1")
        .bind(function.as_str())
        .execute(connection)
        .await?;
    Ok(())
}
