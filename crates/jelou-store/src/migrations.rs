//! The schema's history, built into the binary. `migrations/README.md` has the rules.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyConnection, SqlSafeStr};

use crate::error::StoreError;

const SQLITE: [(i64, &str, &str); 1] = [(
    1,
    "initial",
    include_str!("../migrations/sqlite/0001_initial.sql"),
)];

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
    Migrator::with_migrations(migrations)
        .run(connection)
        .await?;
    Ok(())
}
