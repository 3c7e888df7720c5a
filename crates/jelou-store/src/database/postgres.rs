//! The PostgreSQL engine: connects, and begins transactions.

use std::time::Duration;

use sqlx::any::AnyPoolOptions;
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, Connection as _};

use super::config::StoreConfig;
use super::connection::Connection;
use super::engine::Engine;
use super::error::DatabaseError;
use super::listener::CHANNEL;
use super::migrations;
use super::row::Columns as _;
use super::url::PostgresUrl;
use crate::last_used::Times;

/// Each statement sees all commits before it, including those made while the transaction waited for its lock.
pub(super) const BEGIN_CHANGE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
/// All statements read the state at the first statement.
pub(super) const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Maximum number of connections of this server.
const MAX_CONNECTIONS: u32 = 8;
/// PostgreSQL ends a transaction whose client is silent for this long, so that a client that has disappeared does not
/// keep the lock.
const MAX_SILENCE: Duration = Duration::from_secs(10);
/// How long an idle connection may take to answer.
const PING_TIMEOUT: Duration = Duration::from_secs(1);
/// The advisory lock that serialises migrations. No other program may use this number in the database.
const MIGRATION_LOCK: i64 = 0x6a65_6c6f_755f_6d67;

/// How long a server waits for the migrations of another server that starts.
const MIGRATION_TIMEOUT: Duration = Duration::from_mins(1);

pub(super) async fn open(url: &PostgresUrl) -> Result<AnyPool, DatabaseError> {
    let mut connection = connect(url).await?;
    let mut transaction = connection.begin_with(BEGIN_CHANGE).await?;
    lock_migrations(&mut transaction).await?;
    migrations::run(Engine::Postgres, &mut transaction).await?;
    transaction.commit().await?;
    connection.close().await?;
    Ok(pool(url))
}

/// Checks that the database can be reached and used.
pub(super) async fn check(url: &PostgresUrl) -> Result<(), DatabaseError> {
    sqlx::any::install_default_drivers();
    Ok(connect(url).await?.close().await?)
}

/// Connects without the pool, because the pool would retry and then report only a timeout.
async fn connect(url: &PostgresUrl) -> Result<AnyConnection, DatabaseError> {
    let connecting = tokio::time::timeout(
        StoreConfig::DEFAULT_BUSY_TIMEOUT,
        AnyConnection::connect_with(url.options()),
    );
    let connection = connecting
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut));
    let mut connection = connection.map_err(|source| DatabaseError::Connect {
        place: url.place(),
        source,
    })?;
    check_encoding(url, &mut connection).await?;
    Ok(connection)
}

/// Requires UTF-8. With another encoding, the database would refuse some texts, but only when they are written.
async fn check_encoding(
    url: &PostgresUrl,
    connection: &mut AnyConnection,
) -> Result<(), DatabaseError> {
    // A statement without a name and without arguments, because a pooler may share the session.
    let row = sqlx::raw_sql("SELECT current_setting('server_encoding') AS encoding");
    let encoding = row.fetch_one(connection).await?.text("encoding")?;
    if encoding == "UTF8" {
        return Ok(());
    }
    Err(DatabaseError::Encoding {
        place: url.place(),
        encoding,
    })
}

pub(super) fn pool(url: &PostgresUrl) -> AnyPool {
    AnyPoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(StoreConfig::DEFAULT_BUSY_TIMEOUT)
        // The driver's own test waits for an answer without a limit.
        .test_before_acquire(false)
        .before_acquire(|connection, _| Box::pin(answers(connection)))
        .after_release(|connection, _| Box::pin(answers(connection)))
        .connect_lazy_with(url.options().clone())
}

/// Whether the database still answers on this connection. Otherwise, the pool closes it.
async fn answers(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    let answer = tokio::time::timeout(PING_TIMEOUT, connection.ping());
    Ok(answer.await.is_ok_and(|answer| answer.is_ok()))
}

/// Locks the row of the revision until the transaction ends. Every change raises the revision, so revisions are in the
/// order of the commits, and the state that a change has checked does not change before its commit.
pub(super) async fn lock(
    transaction: &mut Connection,
    timeout: Duration,
) -> Result<(), DatabaseError> {
    let statements = format!(
        "{}; SELECT value FROM revision WHERE id = 1 FOR UPDATE",
        limits(timeout)
    );
    sqlx::raw_sql(AssertSqlSafe(statements))
        .execute(transaction)
        .await?;
    Ok(())
}

/// Limits the waits of a transaction that does not take the lock.
pub(super) async fn limit(
    transaction: &mut Connection,
    timeout: Duration,
) -> Result<(), DatabaseError> {
    sqlx::raw_sql(AssertSqlSafe(limits(timeout)))
        .execute(transaction)
        .await?;
    Ok(())
}

pub(super) async fn allow_pauses(transaction: &mut Connection) -> Result<(), DatabaseError> {
    sqlx::query("SET LOCAL idle_in_transaction_session_timeout = 0")
        .execute(transaction)
        .await?;
    Ok(())
}

/// Returns the time of the database in milliseconds.
pub(super) const SELECT_TIME: &str =
    "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT AS now";

/// Sends the revision to all listeners. Only for changes of the configuration, because commits with a notification wait
/// for each other in the whole database server.
pub(super) async fn announce(transaction: &mut Connection) -> Result<(), DatabaseError> {
    sqlx::query("SELECT pg_notify($1, value::TEXT) FROM revision WHERE id = 1")
        .bind(CHANNEL)
        .execute(transaction)
        .await?;
    Ok(())
}

/// Takes an advisory lock, because the tables may not exist yet. The lock ends with the transaction.
async fn lock_migrations(transaction: &mut AnyConnection) -> Result<(), DatabaseError> {
    let statements = format!(
        // Suppresses the notices that tables already exist, and removes the statements that another server has left in
        // the session of a pooler.
        "DEALLOCATE ALL; {}; SET LOCAL client_min_messages = warning; SELECT pg_advisory_xact_lock({MIGRATION_LOCK})",
        limits(MIGRATION_TIMEOUT)
    );
    sqlx::raw_sql(AssertSqlSafe(statements))
        .execute(transaction)
        .await?;
    Ok(())
}

/// Sets the limits for one transaction only, because a connection pooler may share the session.
fn limits(timeout: Duration) -> String {
    format!(
        "SET LOCAL lock_timeout = {}; SET LOCAL idle_in_transaction_session_timeout = {}",
        // Zero would mean no limit.
        timeout.as_millis().max(1),
        MAX_SILENCE.as_millis()
    )
}

/// Uses one statement for all times, because each statement costs a round trip.
pub(super) async fn write_times(
    transaction: &mut Connection,
    Times { table, column }: Times,
    uses: &[(&str, i64)],
) -> Result<(), DatabaseError> {
    // Ids contain neither spaces nor line ends.
    let rows: Vec<_> = uses.iter().map(|(id, at)| format!("{id} {at}")).collect();
    let statement = format!(
        "UPDATE {table} SET {column} = used.at FROM \
         (SELECT split_part(line, ' ', 1) AS id, max(split_part(line, ' ', 2)::BIGINT) AS at \
          FROM unnest(string_to_array($1, E'\\n')) AS line GROUP BY 1) AS used \
         WHERE {table}.id = used.id AND ({table}.{column} IS NULL OR {table}.{column} < used.at)"
    );
    sqlx::query(AssertSqlSafe(statement))
        .bind(rows.join("\n"))
        .execute(transaction)
        .await?;
    Ok(())
}
