//! The call counts of quotas, added in batches by each server. A server that is killed loses the counts since the last
//! batch.

use jelou_core::TokenId;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use crate::database::row::Columns;
use crate::error::StoreError;
use crate::store::Store;

/// The number of a token's calls in one period of its quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaUse {
    /// Start of the period, in milliseconds since the Unix epoch.
    pub start_ms: i64,
    pub calls: u64,
}

impl QuotaUse {
    pub(super) fn of(row: &AnyRow) -> Result<Option<Self>, StoreError> {
        let Some(start_ms) = row.optional_number("quota_start")? else {
            return Ok(None);
        };
        Ok(Some(Self {
            start_ms,
            calls: row.size("quota_calls")?,
        }))
    }
}

impl Store {
    /// Adds calls to the quota use of tokens. Returns the sums of all servers for the tokens that still exist. Only a
    /// later period replaces the stored one, so calls of an earlier period are not added. Calls of a period that has
    /// not begun by the clock of the database are not added either, because the clock of this server is ahead. This is
    /// not a change of configuration, so it leaves no audit entry and does not raise the revision.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn add_quotas(
        &self,
        added: &[(TokenId, QuotaUse)],
    ) -> Result<Vec<(TokenId, QuotaUse)>, StoreError> {
        let mut sums = Vec::with_capacity(added.len());
        if added.is_empty() {
            return Ok(sums);
        }
        let mut write = self.database.write().await?;
        let latest_ms = self.latest_time(write.transaction()).await?;
        for (id, used) in added.iter().filter(|(_, used)| used.start_ms <= latest_ms) {
            let row = sqlx::query(
                "UPDATE runtime_tokens SET \
                 quota_calls = CASE WHEN quota_start > $1 THEN quota_calls WHEN quota_start = $1 THEN quota_calls + $2 ELSE $2 END, \
                 quota_start = CASE WHEN quota_start > $1 THEN quota_start ELSE $1 END \
                 WHERE id = $3 RETURNING quota_start, quota_calls",
            )
            .bind(used.start_ms)
            .bind(i64::try_from(used.calls).unwrap_or(i64::MAX))
            .bind(id.as_str())
            .fetch_optional(write.transaction())
            .await?;
            if let Some(sum) = row.as_ref().map(QuotaUse::of).transpose()?.flatten() {
                sums.push((id.clone(), sum));
            }
        }
        write.commit().await?;
        Ok(sums)
    }
}
