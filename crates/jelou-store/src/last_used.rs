//! Times of last use, written in batches. They never decrease.

use crate::database::Database;
use crate::error::StoreError;

pub(crate) const RUNTIME_TOKENS: &str = "UPDATE runtime_tokens SET last_used_at = $1 \
     WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $1)";
pub(crate) const PREVIOUS_VALUES: &str = "UPDATE runtime_tokens SET previous_last_used_at = $1 \
     WHERE id = $2 AND (previous_last_used_at IS NULL OR previous_last_used_at < $1)";
pub(crate) const ACCESS_TOKENS: &str = "UPDATE access_tokens SET last_used_at = $1 \
     WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $1)";
pub(crate) const PREVIOUS_ACCESS_VALUES: &str = "UPDATE access_tokens SET previous_last_used_at = $1 \
     WHERE id = $2 AND (previous_last_used_at IS NULL OR previous_last_used_at < $1)";

/// Writes the times. Ignores tokens that no longer exist.
pub(crate) async fn record(
    database: &Database,
    statement: &'static str,
    uses: impl ExactSizeIterator<Item = (&str, i64)>,
) -> Result<(), StoreError> {
    if uses.len() == 0 {
        return Ok(());
    }
    let mut write = database.write().await?;
    for (id, at) in uses {
        sqlx::query(statement)
            .bind(at)
            .bind(id)
            .execute(&mut **write.transaction())
            .await?;
    }
    Ok(write.commit().await?)
}
