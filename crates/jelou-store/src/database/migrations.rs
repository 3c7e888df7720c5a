//! The migrations, embedded in the binary. Their rules are in `migrations/README.md`.

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, AnyExecutor, SqlSafeStr};

use super::connection::Connection;
use super::engine::Engine;
use super::error::DatabaseError;
use super::row::Columns as _;

/// Number, description and statements of a migration.
type Source = (i64, &'static str, &'static str);

const SQLITE: &[Source] = &[
    (
        1,
        "initial",
        include_str!("../../migrations/sqlite/0001_initial.sql"),
    ),
    (
        2,
        "memory",
        include_str!("../../migrations/sqlite/0002_memory.sql"),
    ),
    (
        3,
        "token policies",
        include_str!("../../migrations/sqlite/0003_token_policies.sql"),
    ),
    (
        4,
        "token lifecycle",
        include_str!("../../migrations/sqlite/0004_token_lifecycle.sql"),
    ),
    (
        5,
        "assets",
        include_str!("../../migrations/sqlite/0005_assets.sql"),
    ),
    (
        6,
        "deployments",
        include_str!("../../migrations/sqlite/0006_deployments.sql"),
    ),
    (
        7,
        "schedules",
        include_str!("../../migrations/sqlite/0007_schedules.sql"),
    ),
    (
        8,
        "dependencies",
        include_str!("../../migrations/sqlite/0008_dependencies.sql"),
    ),
    (
        9,
        "function settings",
        include_str!("../../migrations/sqlite/0009_function_settings.sql"),
    ),
    (
        10,
        "traffic",
        include_str!("../../migrations/sqlite/0010_traffic.sql"),
    ),
    (
        11,
        "previews",
        include_str!("../../migrations/sqlite/0011_previews.sql"),
    ),
    (
        12,
        "token use",
        include_str!("../../migrations/sqlite/0012_token_use.sql"),
    ),
    (
        13,
        "trust",
        include_str!("../../migrations/sqlite/0013_trust.sql"),
    ),
    (
        14,
        "audit chain",
        include_str!("../../migrations/sqlite/0014_audit_chain.sql"),
    ),
    (
        15,
        "identity keys",
        include_str!("../../migrations/sqlite/0015_identity_keys.sql"),
    ),
    (
        16,
        "secret versions",
        include_str!("../../migrations/sqlite/0016_secret_versions.sql"),
    ),
    (
        18,
        "cluster",
        include_str!("../../migrations/sqlite/0018_cluster.sql"),
    ),
    (
        19,
        "nodes",
        include_str!("../../migrations/sqlite/0019_nodes.sql"),
    ),
    (
        23,
        "compatibility",
        include_str!("../../migrations/sqlite/0023_compatibility.sql"),
    ),
    (
        24,
        "unapplied",
        include_str!("../../migrations/sqlite/0024_unapplied.sql"),
    ),
    (
        25,
        "token pages",
        include_str!("../../migrations/sqlite/0025_token_pages.sql"),
    ),
];

/// The first migration creates the same tables as SQLite's migrations up to its number.
const POSTGRES: &[Source] = &[
    (
        14,
        "initial",
        include_str!("../../migrations/postgres/0014_initial.sql"),
    ),
    (
        15,
        "identity keys",
        include_str!("../../migrations/postgres/0015_identity_keys.sql"),
    ),
    (
        16,
        "secret versions",
        include_str!("../../migrations/postgres/0016_secret_versions.sql"),
    ),
    (
        18,
        "cluster",
        include_str!("../../migrations/postgres/0018_cluster.sql"),
    ),
    (
        19,
        "nodes",
        include_str!("../../migrations/postgres/0019_nodes.sql"),
    ),
    (
        23,
        "compatibility",
        include_str!("../../migrations/postgres/0023_compatibility.sql"),
    ),
    (
        24,
        "unapplied",
        include_str!("../../migrations/postgres/0024_unapplied.sql"),
    ),
    (
        25,
        "token pages",
        include_str!("../../migrations/postgres/0025_token_pages.sql"),
    ),
];

/// The number of the last migration.
pub(crate) const LATEST: i64 = SQLITE[SQLITE.len() - 1].0;

/// The last migration that a program must know to use the schema of this program. The last migration that removes a
/// part of the schema writes this number to the table `compatibility`.
const OLDEST_PROGRAM: i64 = 23;

/// Returns the number of the last migration that was applied to the database.
async fn schema(connection: &mut Connection) -> Result<i64, DatabaseError> {
    sqlx::query("SELECT MAX(version) AS version FROM _sqlx_migrations")
        .fetch_one(connection)
        .await?
        .number("version")
}

/// Runs the missing migrations in the connection's transaction, so that either all or none are applied.
pub(super) async fn run(
    engine: Engine,
    transaction: &mut AnyConnection,
) -> Result<(), DatabaseError> {
    let sources = match engine {
        Engine::Sqlite => SQLITE,
        Engine::Postgres => POSTGRES,
    };
    let migrations = sources
        .iter()
        .map(|&(version, description, sql)| {
            Migration::new(
                version,
                description.into(),
                MigrationType::Simple,
                sql.into_sql_str(),
                false,
            )
        })
        .collect();
    let mut migrator = Migrator::with_migrations(migrations);
    // The engine has locked the database for the whole transaction.
    migrator.set_locking(false);
    // `run` cannot be used, because the compiler cannot prove that its future is `Send`.
    let done = migrator.run_direct(None, &mut *transaction, false).await;
    if let Err(MigrateError::VersionMissing(migration)) = done {
        let needed = oldest_program(&mut *transaction).await?;
        if needed > LATEST {
            return Err(DatabaseError::NewerVersion { migration });
        }
        // The newer version has only added to the schema.
        migrator.set_ignore_missing(true);
        migrator.run_direct(None, &mut *transaction, false).await?;
        return Ok(());
    }
    Ok(done?)
}

/// Returns the last migration that a program must know to use the database.
async fn oldest_program(executor: impl AnyExecutor<'_>) -> Result<i64, DatabaseError> {
    sqlx::query("SELECT migration FROM compatibility")
        .fetch_one(executor)
        .await?
        .number("migration")
}

/// The schema of a database, and whether this program can use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaState {
    /// The last migration of the database; `None` if it has no tables yet.
    pub database: Option<i64>,
    /// The last migration of this program.
    pub program: i64,
    /// Whether this program can use the database. It first runs the migrations that are missing.
    pub is_usable: bool,
    /// Whether a program that knows only the database's present migrations can still start after this program has
    /// migrated the database.
    pub is_reversible: bool,
}

/// Compares the schema of a database with that of this program. Changes nothing.
pub(super) async fn state(connection: &mut Connection) -> Result<SchemaState, DatabaseError> {
    let mut state = SchemaState {
        database: None,
        program: LATEST,
        is_usable: true,
        is_reversible: true,
    };
    let database = match schema(connection).await {
        Err(DatabaseError::Statement(_)) => return Ok(state),
        database => database?,
    };
    state.database = Some(database);
    if database > LATEST {
        state.is_usable = oldest_program(connection).await? <= LATEST;
    } else {
        state.is_reversible = database >= OLDEST_PROGRAM;
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_have_the_same_migrations() {
        let first = POSTGRES[0].0;
        let numbers = |sources: &[Source]| -> Vec<i64> {
            let numbers = sources.iter().map(|source| source.0);
            numbers.filter(|number| *number >= first).collect()
        };
        assert_eq!(numbers(SQLITE), numbers(POSTGRES));
    }
}
