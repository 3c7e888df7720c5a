//! The migrations, embedded in the binary. Their rules are in `migrations/README.md`.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, SqlSafeStr};

use super::error::DatabaseError;
use super::row::Columns as _;

const SQLITE: [(i64, &str, &str); 16] = [
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
pub(super) async fn run(transaction: &mut AnyConnection) -> Result<(), DatabaseError> {
    let migrations = SQLITE
        .into_iter()
        .map(|(version, description, sql)| {
            Migration::new(
                version,
                description.into(),
                MigrationType::Simple,
                sql.into_sql_str(),
                false,
            )
        })
        .collect();
    // `run` cannot be used, because the compiler cannot prove that its future is `Send`.
    Migrator::with_migrations(migrations)
        .run_direct(None, transaction, false)
        .await?;
    Ok(())
}
