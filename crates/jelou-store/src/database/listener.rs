//! Receives notifications of the changes of other servers, over a separate connection.

use std::time::Duration;

use sqlx::postgres::PgListener;

use super::error::DatabaseError;
use super::url::PostgresUrl;

/// All schemas of a database share the channel. A notification of another schema only causes a query that finds
/// nothing.
pub(super) const CHANNEL: &str = "jelou_changes";

/// A connection that receives notifications. If one is lost, its change is still found by reading the revision.
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

    /// Waits for a notification. Returns `false` if there is none within this time.
    ///
    /// # Errors
    /// The connection was lost, so notifications may be lost too.
    pub async fn heard(&mut self, within: Duration) -> Result<bool, DatabaseError> {
        match tokio::time::timeout(within, self.inner.try_recv()).await {
            Err(_) => Ok(false),
            Ok(Ok(Some(_))) => {
                // One query finds all changes so far.
                while self.inner.next_buffered().is_some() {}
                Ok(true)
            }
            Ok(Ok(None)) => Err(DatabaseError::Unavailable(None)),
            Ok(Err(error)) => Err(error.into()),
        }
    }
}
