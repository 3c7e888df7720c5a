//! Receives notifications of the changes of other servers, over a separate connection.

use std::time::Duration;

use jelou_core::NodeId;
use sqlx::postgres::{PgConnection, PgListener};
use sqlx::{Connection as _, Executor, Postgres, Row as _, raw_sql};

use super::connection::Pool;
use super::error::DatabaseError;
use super::url::PostgresUrl;

/// All schemas of a database share the channel. A notification of another schema only causes a query that finds
/// nothing.
pub(super) const CHANNEL: &str = "jelou_changes";

/// How long a notification may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(2);

/// A connection that receives notifications. If a notification is lost, reading the revision still finds its change.
#[derive(Debug)]
pub struct Listener {
    inner: PgListener,
}

impl Listener {
    /// Connects to the database of the pool. `url` may lead to it in another way.
    pub(super) async fn connect(url: &PostgresUrl, pool: &Pool) -> Result<Self, DatabaseError> {
        let mut inner = PgListener::connect(url.options().database_url.as_str()).await?;
        // A lost connection is reported at once, because changes may have been missed.
        inner.eager_reconnect(false);
        if shares_sessions(&mut inner, url).await? {
            return Err(DatabaseError::ListensOnPooler);
        }
        inner.listen(CHANNEL).await?;
        if !hears(&mut inner, pool).await? {
            return Err(DatabaseError::ListensElsewhere);
        }
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

/// Whether a notification from the pool's database arrives. It does not if the listener's URL leads to another database,
/// which may have the same name. The listeners of other servers receive it too, and find no change.
async fn hears(listener: &mut PgListener, pool: &Pool) -> Result<bool, DatabaseError> {
    // Random, because another server may do the same at this time.
    let sent = NodeId::generate().to_string();
    sqlx::query("SELECT pg_notify($1, $2)")
        .bind(CHANNEL)
        .bind(sent.as_str())
        .execute(pool)
        .await?;
    let arrival = async {
        while let Some(notification) = listener.try_recv().await? {
            if notification.payload() == sent {
                return Ok(true);
            }
        }
        Err(DatabaseError::Unavailable(None))
    };
    let arrived = tokio::time::timeout(ARRIVAL, arrival).await;
    arrived.unwrap_or(Ok(false))
}

/// How often the sessions of two connections are compared. A pooler usually gives a session that has just become free to the
/// next connection that needs one.
const COMPARISONS: usize = 5;

/// Whether the URL leads to a pooler, which gives another connection the same session of the database. Notifications would
/// then arrive in the middle of other statements.
async fn shares_sessions(
    listener: &mut PgListener,
    url: &PostgresUrl,
) -> Result<bool, DatabaseError> {
    let mut other = PgConnection::connect(url.options().database_url.as_str()).await?;
    let own = session(&mut *listener).await?;
    let mut is_shared = false;
    for _ in 0..COMPARISONS {
        let another = session(&mut other).await?;
        is_shared |= another == own || session(&mut *listener).await? != own;
    }
    // Fails only if the connection was lost.
    let _ = other.close().await;
    Ok(is_shared)
}

/// Returns the process id of the connection's session in the database server.
async fn session(connection: impl Executor<'_, Database = Postgres>) -> Result<i32, DatabaseError> {
    let row = connection
        .fetch_one(raw_sql("SELECT pg_backend_pid()"))
        .await?;
    Ok(row.try_get(0)?)
}
