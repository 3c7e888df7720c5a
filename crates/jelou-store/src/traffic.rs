//! Counts of calls per minute. A row contains one hour, so a function has at most 24 rows per day.
//!
//! Each minute is one line of text, whose format belongs to the server. Lines are only appended, so each minute costs
//! one statement. Counts are not configuration, so they leave no audit entry and do not raise the revision.

use jelou_core::FunctionId;

use crate::database::Connection;
use crate::database::row::Columns;
use crate::error::StoreError;
use crate::store::Store;

/// The counts of a function in one minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrafficLine {
    pub function: FunctionId,
    /// Start of the hour, in milliseconds since the Unix epoch.
    pub hour_ms: i64,
    /// The text, without a line end.
    pub line: String,
}

impl Store {
    /// Appends lines to their hours, in one transaction.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn add_traffic(&self, lines: &[TrafficLine]) -> Result<(), StoreError> {
        if lines.is_empty() {
            return Ok(());
        }
        let mut write = self.database.write().await?;
        for line in lines {
            let connection: &mut Connection = write.transaction();
            sqlx::query(
                "INSERT INTO traffic (function_id, hour, minutes) VALUES ($1, $2, $3) \
                 ON CONFLICT (function_id, hour) DO UPDATE SET minutes = traffic.minutes || excluded.minutes",
            )
            .bind(line.function.as_str())
            .bind(line.hour_ms)
            .bind(format!("{}\n", line.line))
            .execute(connection)
            .await?;
        }
        Ok(write.commit().await?)
    }

    /// Returns the hours of a function from `from_hour_ms` on, with the lines of their minutes.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn traffic(
        &self,
        function: &FunctionId,
        from_hour_ms: i64,
    ) -> Result<Vec<(i64, String)>, StoreError> {
        sqlx::query(
            "SELECT hour, minutes FROM traffic WHERE function_id = $1 AND hour >= $2 ORDER BY hour",
        )
        .bind(function.as_str())
        .bind(from_hour_ms)
        .fetch_all(self.database.pool())
        .await?
        .iter()
        .map(|row| Ok((row.number("hour")?, row.text("minutes")?)))
        .collect()
    }

    /// Deletes the hours before `before_hour_ms`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn sweep_traffic(&self, before_hour_ms: i64) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        sqlx::query("DELETE FROM traffic WHERE hour < $1")
            .bind(before_hour_ms)
            .execute(write.transaction())
            .await?;
        Ok(write.commit().await?)
    }
}
