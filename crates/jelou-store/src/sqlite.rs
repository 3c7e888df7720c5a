//! All that is particular to SQLite: how its file is opened, how a change begins, what its error codes mean.

use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::error::DatabaseError;
use sqlx::{AnyConnection, AnyPool, Connection, Row};

use crate::config::StoreConfig;
use crate::error::StoreError;
use crate::migrations;

/// Takes the write lock at once. A transaction that read first and asked for it later would be refused, without any
/// waiting, when another one had written in between.
pub(crate) const BEGIN_CHANGE: &str = "BEGIN IMMEDIATE";
/// Reads one state of the database, from its first statement on.
pub(crate) const BEGIN_SNAPSHOT: &str = "BEGIN DEFERRED";

/// One connection writes; the others read, which the write-ahead log allows at the same time.
const MAX_CONNECTIONS: u32 = 4;
const PREPARE_AGAIN: Duration = Duration::from_millis(10);

pub(crate) async fn open(config: &StoreConfig) -> Result<AnyPool, StoreError> {
    sqlx::any::install_default_drivers();
    create_file(&config.path).map_err(|source| StoreError::File {
        path: config.path.clone(),
        source,
    })?;
    let options: AnyConnectOptions = url(&config.path)?.parse()?;

    // Not through the pool, which would try again and at last say only that it took too long.
    prepare(&options, config.busy_timeout).await?;

    let busy_timeout = config.busy_timeout;
    Ok(AnyPoolOptions::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(StoreConfig::DEFAULT_BUSY_TIMEOUT)
        .after_connect(move |connection, _| Box::pin(configure(connection, busy_timeout)))
        .after_release(|connection, _| Box::pin(is_clean(connection)))
        .connect_lazy_with(options))
}

/// Whether the connection can be used again. A full disk makes SQLite end a transaction by itself; the driver's rollback
/// then fails, and the connection would take itself to be in a transaction for ever.
async fn is_clean(connection: &mut AnyConnection) -> Result<bool, sqlx::Error> {
    // Waits for a rollback that is under way.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// SQLite refuses at once, without waiting, while another process sets up the write-ahead log or clears it away.
async fn prepare(options: &AnyConnectOptions, busy_timeout: Duration) -> Result<(), StoreError> {
    let deadline = Instant::now() + busy_timeout;
    loop {
        match prepare_once(options, busy_timeout).await {
            Err(StoreError::Unavailable(Some(sqlx::Error::Database(refusal))))
                if primary_code(refusal.as_ref()) == Some(BUSY) && Instant::now() < deadline =>
            {
                tokio::time::sleep(PREPARE_AGAIN).await;
            }
            done => return done,
        }
    }
}

async fn prepare_once(
    options: &AnyConnectOptions,
    busy_timeout: Duration,
) -> Result<(), StoreError> {
    let mut connection = AnyConnection::connect_with(options).await?;
    configure(&mut connection, busy_timeout).await?;
    write_ahead(&mut connection).await?;
    migrations::run(&mut connection).await?;
    Ok(connection.close().await?)
}

/// Moves what the write-ahead log holds into the database file.
pub(crate) async fn checkpoint(pool: &AnyPool) -> Result<(), sqlx::Error> {
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .fetch_optional(pool)
        .await?;
    Ok(())
}

/// SQLite gives the write-ahead log and its index the mode of the database file.
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

fn url(path: &Path) -> Result<String, StoreError> {
    use std::fmt::Write as _;

    let unusable = |source| StoreError::File {
        path: path.to_owned(),
        source,
    };
    // Resolved here, because a URL's parser would take `..` for the folder above whatever links there are.
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

/// `synchronous = FULL` makes every commit wait for the disk: an acknowledged change survives a power cut.
async fn configure(
    connection: &mut AnyConnection,
    busy_timeout: Duration,
) -> Result<(), sqlx::Error> {
    let busy_timeout = busy_timeout.as_millis();
    let pragmas = format!(
        "PRAGMA busy_timeout = {busy_timeout}; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(pragmas))
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_ahead(connection: &mut AnyConnection) -> Result<(), StoreError> {
    let row = sqlx::query("PRAGMA journal_mode = WAL")
        .fetch_one(connection)
        .await?;
    let mode: String = row.try_get(0)?;
    if mode == "wal" {
        Ok(())
    } else {
        Err(StoreError::corrupt(
            "journal_mode",
            format_args!("the file system allows only `{mode}`, not a write-ahead log"),
        ))
    }
}

/// What a refusal means for the caller.
pub(crate) enum Condition {
    Unavailable,
    DiskFull,
    Corrupt,
    Duplicate,
    Other,
}

pub(crate) fn condition(error: &dyn DatabaseError) -> Condition {
    if error.is_unique_violation() {
        return Condition::Duplicate;
    }
    match primary_code(error) {
        // LOCKED, READONLY, IOERR, CANTOPEN, PROTOCOL
        Some(BUSY | 6 | 8 | 10 | 14 | 15) => Condition::Unavailable,
        // FULL
        Some(13) => Condition::DiskFull,
        // CORRUPT, NOTADB
        Some(11 | 26) => Condition::Corrupt,
        _ => Condition::Other,
    }
}

const BUSY: i32 = 5;

/// The low byte of the extended result code (<https://www.sqlite.org/rescode.html>).
fn primary_code(error: &dyn DatabaseError) -> Option<i32> {
    let extended: i32 = error.code()?.parse().ok()?;
    Some(extended & 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Set anew for every connection, so they cannot be seen from another one.
    #[tokio::test]
    async fn every_connection_is_configured() {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig {
            busy_timeout: Duration::from_millis(1_234),
            ..StoreConfig::new(folder.path().join("jelou.db"))
        };
        let pool = open(&config).await.unwrap();
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
