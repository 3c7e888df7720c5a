//! Reads and writes the rows about one bundle in Deno's caches, which are SQLite databases in the `DENO_DIR` of a
//! process.
//!
//! Used only for processes that have not run user code, because user code that has broken out of Deno can write these
//! files. Deno finds a row by the URL of the module, which differs in each process, and by a hash of the source.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteRow, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row, SqliteConnection};

use super::module_url::ModuleUrl;
use crate::artifacts::{CompiledBundle, CompiledHeader};

/// Names of Deno's databases: the imports of modules, and V8's code cache of modules.
const ANALYSIS: &str = "dep_analysis_cache_v2";
const CODE: &str = "v8_code_cache_v2";
/// How long to wait while the process writes to a database.
const BUSY_TIMEOUT: Duration = Duration::from_millis(50);
/// Maximum bytes of each part, as a multiple of the bundle's bytes. A compiler does not produce more.
const MAX_GROWTH: u64 = 4;
/// A process that has written nothing for this long has finished.
const SETTLED: Duration = Duration::from_millis(50);
const MAX_BASE_BYTES: u64 = 1024 * 1024;

const READ: &str = "SELECT engine.value AS engine, media_type, a.source_hash AS analysis_hash, module_info, \
    c.type AS code_type, c.source_hash AS code_hash, data \
    FROM moduleinfocache a JOIN code.codecache c ON c.specifier = a.specifier, info engine \
    WHERE a.specifier = $1 AND engine.key = 'CLI_VERSION' AND typeof(data) = 'blob' \
    AND length(module_info) <= $2 AND length(data) <= $2";

/// Reads the rows of a module of `source_bytes`. Returns `None` if they are not complete yet.
pub(super) async fn read(
    deno_dir: &Path,
    module: &ModuleUrl,
    source_bytes: u64,
) -> sqlx::Result<Option<CompiledBundle>> {
    let most = MAX_BASE_BYTES + MAX_GROWTH * source_bytes;
    let mut connection = open(deno_dir).await?;
    let rows = sqlx::query(READ)
        .bind(module.as_str())
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(&mut connection)
        .await?;
    connection.close().await?;
    match rows.as_slice() {
        [row] => compiled(row).map(Some),
        _ => Ok(None),
    }
}

fn compiled(row: &SqliteRow) -> sqlx::Result<CompiledBundle> {
    Ok(CompiledBundle {
        header: CompiledHeader {
            engine: row.try_get("engine")?,
            media_type: row.try_get("media_type")?,
            analysis_hash: row.try_get("analysis_hash")?,
            analysis: row.try_get("module_info")?,
            code_type: row.try_get("code_type")?,
            code_hash: row.try_get("code_hash")?,
        },
        code: row.try_get("data")?,
    })
}

/// Writes the rows to the databases of a process, with the module's URL in this process. Does nothing if another
/// version of Deno has compiled the bundle.
pub(super) async fn write(
    deno_dir: &Path,
    module: &ModuleUrl,
    compiled: &CompiledBundle,
) -> sqlx::Result<()> {
    let mut connection = open(deno_dir).await?;
    let CompiledBundle { header, code } = compiled;
    sqlx::query(
        "INSERT OR REPLACE INTO moduleinfocache (specifier, media_type, source_hash, module_info) \
         SELECT $1, $2, $3, $4 FROM info WHERE key = 'CLI_VERSION' AND value = $5",
    )
    .bind(module.as_str())
    .bind(header.media_type)
    .bind(header.analysis_hash)
    .bind(&header.analysis)
    .bind(&header.engine)
    .execute(&mut connection)
    .await?;
    sqlx::query(
        "INSERT OR REPLACE INTO code.codecache (specifier, type, source_hash, data) \
         SELECT $1, $2, $3, $4 FROM code.info WHERE key = 'CLI_VERSION' AND value = $5",
    )
    .bind(module.as_str())
    .bind(header.code_type)
    .bind(header.code_hash)
    .bind(code)
    .bind(&header.engine)
    .execute(&mut connection)
    .await?;
    connection.close().await
}

/// Waits until a process has written the code that it compiled. Deno writes in the background and does not report the
/// end.
pub(super) async fn settle(deno_dir: &Path) {
    let Ok(mut connection) = open(deno_dir).await else {
        return;
    };
    let mut before = 0;
    loop {
        let count = sqlx::query_scalar("SELECT count(*) FROM code.codecache");
        let rows: i64 = count.fetch_one(&mut connection).await.unwrap_or(before);
        if rows == before {
            return;
        }
        before = rows;
        tokio::time::sleep(SETTLED).await;
    }
}

/// Moves the write-ahead logs that a killed process has left into their databases, so that the copies become smaller.
pub(super) async fn compact(deno_dir: &Path) {
    let compacted = async {
        let mut connection = open(deno_dir).await?;
        for database in ["main", "code"] {
            let checkpoint = format!("PRAGMA {database}.wal_checkpoint(TRUNCATE)");
            sqlx::raw_sql(AssertSqlSafe(checkpoint))
                .execute(&mut connection)
                .await?;
        }
        connection.close().await
    };
    // On a failure, the logs are copied as well.
    if let Err(error) = compacted.await {
        tracing::debug!(%error, "cannot compact the engine's caches");
    }
}

/// Opens both databases, which the process has created.
async fn open(deno_dir: &Path) -> sqlx::Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(deno_dir.join(ANALYSIS))
        .create_if_missing(false)
        .busy_timeout(BUSY_TIMEOUT)
        // The databases need not survive a power failure, because they are removed with the process.
        .synchronous(SqliteSynchronous::Off)
        .pragma("trusted_schema", "OFF")
        .pragma("wal_autocheckpoint", "0")
        .disable_statement_logging();
    let mut connection = SqliteConnection::connect_with(&options).await?;
    sqlx::query("ATTACH DATABASE $1 AS code")
        .bind(deno_dir.join(CODE).display().to_string())
        .execute(&mut connection)
        .await?;
    Ok(connection)
}
