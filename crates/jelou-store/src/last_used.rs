//! Records when tokens were last used, in batches. The times never decrease.

use crate::database::Database;
use crate::error::StoreError;

/// Maximum number of times in a transaction, so that other changes do not wait long.
const BATCH: usize = 2_000;

/// The table and column of a time of last use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
}

pub(crate) const RUNTIME_TOKENS: Times = Times {
    table: "runtime_tokens",
    column: "last_used_at",
};
pub(crate) const CURRENT_VALUES: Times = Times {
    table: "runtime_tokens",
    column: "value_last_used_at",
};
pub(crate) const PREVIOUS_VALUES: Times = Times {
    table: "runtime_tokens",
    column: "previous_last_used_at",
};
pub(crate) const ACCESS_TOKENS: Times = Times {
    table: "access_tokens",
    column: "last_used_at",
};
pub(crate) const PREVIOUS_ACCESS_VALUES: Times = Times {
    table: "access_tokens",
    column: "previous_last_used_at",
};

/// Writes the times of last use. Ignores tokens that no longer exist.
pub(crate) async fn record(
    database: &Database,
    times: Times,
    uses: impl Iterator<Item = (&str, i64)>,
) -> Result<(), StoreError> {
    let uses: Vec<_> = uses.collect();
    for batch in uses.chunks(BATCH) {
        let mut write = database.write().await?;
        let engine = database.engine();
        engine
            .write_times(write.transaction(), times, batch)
            .await?;
        write.commit().await?;
    }
    Ok(())
}
