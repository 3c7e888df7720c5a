//! Hears of the changes of other servers, over a connection of its own.

use std::time::Duration;

use sqlx::postgres::PgListener;

use super::error::DatabaseError;
use super::url::PostgresUrl;

/// Schemas of one database share it. A server then looks for changes that are not there, which does no harm.
pub(super) const CHANNEL: &str = "jelou_changes";

/// A connection that hears of changes. They are hints: a lost one is found by reading the revision.
#[derive(Debug)]
pub struct Listener {
    inner: PgListener,
}

impl Listener {
    pub(super) async fn connect(url: &PostgresUrl) -> Result<Self, DatabaseError> {
        let mut inner = PgListener::connect(url.options().database_url.as_str()).await?;
        // A lost connection is reported at once, because changes may have been missed.
        inner.eager_reconnect(false);
        inner.listen(CHANNEL).await?;
        Ok(Self { inner })
    }

    /// Waits for a change. Returns `false` if none was heard of in this time.
    ///
    /// # Errors
    /// The connection was lost, and changes with it.
    pub async fn heard(&mut self, within: Duration) -> Result<bool, DatabaseError> {
        match tokio::time::timeout(within, self.inner.try_recv()).await {
            Err(_) => Ok(false),
            Ok(Ok(Some(_))) => {
                // One look at the database finds all changes so far.
                while self.inner.next_buffered().is_some() {}
                Ok(true)
            }
            Ok(Ok(None)) => Err(DatabaseError::Unavailable(None)),
            Ok(Err(error)) => Err(error.into()),
        }
    }
}
