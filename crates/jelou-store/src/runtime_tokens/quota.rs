//! The call counts of quotas, written in batches. A server that is killed loses the counts since the last batch.

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
    /// Records the quota use of tokens. A token's period never moves back, and the count of a period never decreases.
    /// This is not a change of configuration, so it leaves no audit entry and does not raise the revision.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_quotas(&self, uses: &[(TokenId, QuotaUse)]) -> Result<(), StoreError> {
        if uses.is_empty() {
            return Ok(());
        }
        let mut write = self.database.write().await?;
        for (id, used) in uses {
            sqlx::query(
                "UPDATE runtime_tokens SET quota_start = $1, quota_calls = $2 WHERE id = $3 AND (quota_start IS NULL \
                 OR quota_start < $1 OR (quota_start = $1 AND quota_calls < $2))",
            )
            .bind(used.start_ms)
            .bind(i64::try_from(used.calls).unwrap_or(i64::MAX))
            .bind(id.as_str())
            .execute(write.transaction())
            .await?;
        }
        Ok(write.commit().await?)
    }
}
