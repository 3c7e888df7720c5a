//! Daily counts of the calls of each token. Counts are not configuration: they leave no audit entry and do not raise
//! the revision.

use jelou_core::{FunctionId, TokenId};

use crate::database::row::Columns;
use crate::error::StoreError;
use crate::store::Store;

/// Values of the column `kind` for counts that do not belong to a bucket of durations.
const ERRORS: i64 = -1;
const REFUSED: i64 = -2;
/// Maximum number of tokens in a transaction, so that other changes do not wait long.
const BATCH: usize = 500;

/// Counts of a token's calls on one day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenCounts {
    /// Number of calls by the index of their duration's histogram bucket.
    pub durations: Vec<(usize, u64)>,
    pub errors: u64,
    pub refused: u64,
}

/// Counts to add to those of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenUse {
    pub token: TokenId,
    /// The class of the last caller's address, or the address itself.
    pub from: Option<String>,
    pub counts: TokenCounts,
}

impl TokenCounts {
    fn rows(&self) -> impl Iterator<Item = (i64, i64)> {
        let bucket = |(bucket, count): &(usize, u64)| (i64::try_from(*bucket).unwrap_or(0), *count);
        self.durations
            .iter()
            .map(bucket)
            .chain([(ERRORS, self.errors), (REFUSED, self.refused)])
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| (kind, i64::try_from(count).unwrap_or(i64::MAX)))
    }

    fn add(&mut self, kind: i64, count: u64) {
        match kind {
            ERRORS => self.errors += count,
            REFUSED => self.refused += count,
            // A later version of the program has stored this kind.
            ..0 => {}
            bucket => self
                .durations
                .push((usize::try_from(bucket).unwrap_or(0), count)),
        }
    }
}

impl Store {
    /// Adds counts to those of a day. `day`: days since the Unix epoch, in UTC. After an error, also returns how many
    /// of the first `uses` are stored.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn add_token_usage(
        &self,
        day: i64,
        uses: &[TokenUse],
    ) -> Result<(), (usize, StoreError)> {
        for (index, batch) in uses.chunks(BATCH).enumerate() {
            let added = self.add_batch(day, batch).await;
            added.map_err(|error| (index * BATCH, error))?;
        }
        Ok(())
    }

    async fn add_batch(&self, day: i64, uses: &[TokenUse]) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        for TokenUse {
            token,
            from,
            counts,
        } in uses
        {
            for (kind, count) in counts.rows() {
                sqlx::query(
                    "INSERT INTO token_usage (token_id, day, kind, count) VALUES ($1, $2, $3, $4) \
                     ON CONFLICT (token_id, day, kind) DO UPDATE SET count = token_usage.count + excluded.count",
                )
                .bind(token.as_str())
                .bind(day)
                .bind(kind)
                .bind(count)
                .execute(write.transaction())
                .await?;
            }
            if let Some(from) = from {
                sqlx::query("UPDATE runtime_tokens SET last_used_from = $1 WHERE id = $2")
                    .bind(from.as_str())
                    .bind(token.as_str())
                    .execute(write.transaction())
                    .await?;
            }
        }
        Ok(write.commit().await?)
    }

    /// Returns the counts of a function's unrevoked tokens since a day, by token and day.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn token_usage(
        &self,
        function: &FunctionId,
        from_day: i64,
    ) -> Result<Vec<(TokenId, i64, TokenCounts)>, StoreError> {
        let rows = sqlx::query(
            "SELECT used.token_id, used.day, used.kind, used.count FROM token_usage AS used \
             JOIN runtime_tokens AS token ON token.id = used.token_id \
             WHERE token.function_id = $1 AND token.revoked_at IS NULL AND used.day >= $2 \
             ORDER BY used.token_id, used.day, used.kind",
        )
        .bind(function.as_str())
        .bind(from_day)
        .fetch_all(self.database.pool())
        .await?;
        let mut usage: Vec<(TokenId, i64, TokenCounts)> = Vec::new();
        for row in &rows {
            let (token, day) = (row.parsed::<TokenId>("token_id")?, row.number("day")?);
            if usage
                .last()
                .is_none_or(|(last, last_day, _)| *last != token || *last_day != day)
            {
                usage.push((token, day, TokenCounts::default()));
            }
            if let Some((_, _, counts)) = usage.last_mut() {
                counts.add(row.number("kind")?, row.size("count")?);
            }
        }
        Ok(usage)
    }

    /// Deletes the counts of all days before `before_day`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn sweep_token_usage(&self, before_day: i64) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        sqlx::query("DELETE FROM token_usage WHERE day < $1")
            .bind(before_day)
            .execute(write.transaction())
            .await?;
        Ok(write.commit().await?)
    }
}
