//! The migrations, embedded in the binary. Their rules are in `migrations/README.md`.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, SqlSafeStr};

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
];

/// Starts with the tables of SQLite's migrations up to this number.
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
];

/// The number of the last migration.
pub(crate) const LATEST: i64 = SQLITE[SQLITE.len() - 1].0;

/// Returns the number of the last migration that was applied to the database.
pub(crate) async fn schema(connection: &mut AnyConnection) -> Result<i64, DatabaseError> {
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
    migrator.run_direct(None, transaction, false).await?;
    Ok(())
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
