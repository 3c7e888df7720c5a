//! The schema's history, built into the binary. `migrations/README.md` has the rules.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, Connection, SqlSafeStr};

use crate::error::StoreError;
use crate::sqlite;

const SQLITE: [(i64, &str, &str); 3] = [
    (
        1,
        "initial",
        include_str!("../migrations/sqlite/0001_initial.sql"),
    ),
    (
        2,
        "memory",
        include_str!("../migrations/sqlite/0002_memory.sql"),
    ),
    (
        3,
        "token policies",
        include_str!("../migrations/sqlite/0003_token_policies.sql"),
    ),
];

/// All of them or none, while no other process can do the same.
pub(crate) async fn run(connection: &mut AnyConnection) -> Result<(), StoreError> {
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
    let mut transaction = connection.begin_with(sqlite::BEGIN_CHANGE).await?;
    // Not `run`, whose future the compiler cannot prove to be `Send`.
    Migrator::with_migrations(migrations)
        .run_direct(None, &mut *transaction, false)
        .await?;
    Ok(transaction.commit().await?)
}
