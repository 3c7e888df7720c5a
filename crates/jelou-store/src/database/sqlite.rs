//! The SQLite engine: opens the file, configures connections and begins transactions.

use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, Connection, Row, SqlSafeStr};

use super::config::StoreConfig;
use super::connection;
use super::engine::Engine;
use super::error::DatabaseError;
use super::migrations;
use super::result_code::{self, Condition};
use crate::last_used::Times;

/// Takes the write lock at the start of the transaction. Without it, SQLite would refuse to upgrade a read transaction
/// if another connection has written since its start.
pub(super) const BEGIN_CHANGE: &str = "BEGIN IMMEDIATE";
/// Begins a transaction that reads the state at its first statement.
pub(super) const BEGIN_SNAPSHOT: &str = "BEGIN DEFERRED";

pub(super) const SELECT_TIME: &str =
    "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS now";

/// Maximum number of connections. In WAL mode, one connection can write while the others read.
const MAX_CONNECTIONS: u32 = 4;
const PREPARE_RETRY: Duration = Duration::from_millis(10);

pub(super) async fn open(path: &Path, busy_timeout: Duration) -> Result<AnyPool, DatabaseError> {
    create_file(path).map_err(|source| DatabaseError::File {
        path: path.to_owned(),
        source,
    })?;
    let options: AnyConnectOptions = url(path)?.parse()?;

    // Uses a separate connection, because the pool would retry and then report only a timeout.
    prepare(&options, busy_timeout).await?;
    Ok(pool(options, busy_timeout))
}

/// Opens a file that exists, without a migration.
pub(super) fn open_existing(path: &Path, busy_timeout: Duration) -> Result<AnyPool, DatabaseError> {
    let options: AnyConnectOptions = url(path)?.parse()?;
    Ok(pool(options, busy_timeout))
}

fn pool(options: AnyConnectOptions, busy_timeout: Duration) -> AnyPool {
    AnyPoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(StoreConfig::DEFAULT_BUSY_TIMEOUT)
        .after_connect(move |connection, _| Box::pin(configure(connection, busy_timeout)))
        .after_release(|connection, _| Box::pin(is_clean(connection)))
        .connect_lazy_with(options)
}

/// Whether the pool may reuse the connection. If the disk is full, SQLite itself ends a transaction. The driver's
/// rollback then fails, and the driver's transaction depth stays wrong.
async fn is_clean(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    // Waits for a pending rollback.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// Prepares the database. Retries while another process creates or removes the write-ahead log, because SQLite's busy
/// timeout does not cover that.
async fn prepare(options: &AnyConnectOptions, busy_timeout: Duration) -> Result<(), DatabaseError> {
    let deadline = Instant::now() + busy_timeout;
    loop {
        match prepare_once(options, busy_timeout).await {
            Err(DatabaseError::Unavailable(Some(sqlx::Error::Database(refusal))))
                if result_code::condition(refusal.as_ref()) == Condition::Busy
                    && Instant::now() < deadline =>
            {
                tokio::time::sleep(PREPARE_RETRY).await;
            }
            done => return done,
        }
    }
}

async fn prepare_once(
    options: &AnyConnectOptions,
    busy_timeout: Duration,
) -> Result<(), DatabaseError> {
    let mut connection = AnyConnection::connect_with(options).await?;
    configure(&mut connection, busy_timeout).await?;
    write_ahead(&mut connection).await?;
    let mut transaction = connection.begin_with(BEGIN_CHANGE).await?;
    migrations::run(Engine::Sqlite, &mut transaction).await?;
    transaction.commit().await?;
    Ok(connection.close().await?)
}

/// Moves the content of the write-ahead log to the database file.
pub(super) async fn checkpoint(pool: &AnyPool) -> Result<(), sqlx::Error> {
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .fetch_optional(pool)
        .await?;
    Ok(())
}

pub(super) async fn write_times(
    transaction: &mut connection::Connection,
    Times { table, column }: Times,
    uses: &[(&str, i64)],
) -> Result<(), DatabaseError> {
    let statement = format!(
        "UPDATE {table} SET {column} = $1 WHERE id = $2 AND ({column} IS NULL OR {column} < $1)"
    );
    let statement = AssertSqlSafe(statement).into_sql_str();
    for (id, at) in uses {
        sqlx::query(statement.clone())
            .bind(at)
            .bind(*id)
            .execute(&mut *transaction)
            .await?;
    }
    Ok(())
}

/// Creates the file with mode 0600. SQLite gives the write-ahead log and its index the same mode.
fn create_file(path: &Path) -> io::Result<()> {
    let created = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match created {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn url(path: &Path) -> Result<String, DatabaseError> {
    use std::fmt::Write as _;

    let unusable = |source| DatabaseError::File {
        path: path.to_owned(),
        source,
    };
    // Resolves symbolic links first, because a URL parser would resolve `..` without following them.
    let resolved = std::fs::canonicalize(path).map_err(unusable)?;
    let text = resolved.to_str().ok_or_else(|| {
        unusable(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the path is not UTF-8",
        ))
    })?;
    let mut url = "sqlite://".to_owned();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                url.push(char::from(byte));
            }
            _ => {
                // Writing to a `String` cannot fail.
                let _ = write!(url, "%{byte:02X}");
            }
        }
    }
    url.push_str("?mode=rw");
    Ok(url)
}

/// Configures a connection. With `synchronous = FULL`, a commit waits for the disk, so that an acknowledged change
/// survives a power failure.
async fn configure(
    connection: &mut AnyConnection,
    busy_timeout: Duration,
) -> Result<(), sqlx::Error> {
    let busy_timeout = busy_timeout.as_millis();
    let pragmas = format!(
        "PRAGMA busy_timeout = {busy_timeout}; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL"
    );
    sqlx::raw_sql(AssertSqlSafe(pragmas))
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_ahead(connection: &mut AnyConnection) -> Result<(), DatabaseError> {
    let row = sqlx::query("PRAGMA journal_mode = WAL")
        .fetch_one(connection)
        .await?;
    let mode: String = row.try_get(0)?;
    if mode == "wal" {
        Ok(())
    } else {
        Err(DatabaseError::corrupt(
            "journal_mode",
            format_args!("the file system allows only `{mode}`, not a write-ahead log"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pragmas apply to single connections, so the test reads them on the connections of the pool.
    #[tokio::test]
    async fn every_connection_is_configured() {
        let folder = tempfile::tempdir().unwrap();
        sqlx::any::install_default_drivers();
        let path = folder.path().join("jelou.db");
        let pool = open(&path, Duration::from_millis(1_234)).await.unwrap();
        let mut connections = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            let mut connection = pool.acquire().await.unwrap();
            for (pragma, wanted) in [
                ("PRAGMA foreign_keys", 1),
                // FULL
                ("PRAGMA synchronous", 2),
                ("PRAGMA busy_timeout", 1_234),
            ] {
                let row = sqlx::query(pragma)
                    .fetch_one(&mut *connection)
                    .await
                    .unwrap();
                assert_eq!(row.get::<i64, _>(0), wanted, "{pragma}");
            }
            let row = sqlx::query("PRAGMA journal_mode")
                .fetch_one(&mut *connection)
                .await
                .unwrap();
            assert_eq!(row.get::<String, _>(0), "wal");
            connections.push(connection);
        }
    }
}
