//! Records when tokens were last used, in batches. The times never decrease.

use crate::database::Database;
use crate::error::StoreError;

pub(crate) const RUNTIME_TOKENS: &str = "UPDATE runtime_tokens SET last_used_at = $1 \
     WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $1)";
pub(crate) const CURRENT_VALUES: &str = "UPDATE runtime_tokens SET value_last_used_at = $1 \
     WHERE id = $2 AND (value_last_used_at IS NULL OR value_last_used_at < $1)";
pub(crate) const PREVIOUS_VALUES: &str = "UPDATE runtime_tokens SET previous_last_used_at = $1 \
     WHERE id = $2 AND (previous_last_used_at IS NULL OR previous_last_used_at < $1)";
pub(crate) const ACCESS_TOKENS: &str = "UPDATE access_tokens SET last_used_at = $1 \
     WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $1)";
pub(crate) const PREVIOUS_ACCESS_VALUES: &str = "UPDATE access_tokens SET previous_last_used_at = $1 \
     WHERE id = $2 AND (previous_last_used_at IS NULL OR previous_last_used_at < $1)";

/// Writes the times of last use. Ignores tokens that no longer exist.
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
