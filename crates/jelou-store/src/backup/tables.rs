//! The tables of the database.

/// A table in a backup.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    /// The primary key, which orders the rows, so that equal databases give equal backups.
    pub(super) key: &'static str,
    /// A column that references a later table. It is written once all tables are complete.
    pub(super) late: Option<&'static str>,
}

/// All tables, each after the tables that it references.
pub(super) const TABLES: &[Table] = &[
    table("revision", "id"),
    Table {
        late: Some("live_deployment_id"),
        ..table("functions", "id")
    },
    table("artifacts", "hash"),
    table("deployments", "id"),
    table("previews", "id"),
    table("runtime_tokens", "id"),
    table("access_tokens", "id"),
    table("secrets", "owner, key"),
    table("secret_versions", "owner, key, version"),
    table("identity_keys", "id"),
    table("audit", "id"),
    table("memory", "function_id, scope, key"),
    table("schedules", "function_id, schedule"),
    table("runs", "id"),
    table("traffic", "function_id, hour"),
    table("token_usage", "token_id, day, kind"),
    table("trust_policies", "id"),
    table("used_assertions", "assertion"),
    table("exchanged_tokens", "hash"),
    table("cluster", "id"),
];

/// Tables that are not part of a backup: the servers that run now, and tables that the migrations fill.
#[cfg(test)]
const LEFT_OUT: [&str; 3] = ["nodes", "compatibility", "_sqlx_migrations"];

const fn table(name: &'static str, key: &'static str) -> Table {
    Table {
        name,
        key,
        late: None,
    }
}

pub(super) fn find(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}

#[cfg(test)]
mod tests {
    use sqlx::Row as _;

    use super::*;
    use crate::database::{Database, StoreConfig};

    #[tokio::test]
    async fn every_table_of_the_database_is_listed() {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig::new(folder.path().join("jelou.db"));
        let database = Database::open(&config).await.unwrap();
        let rows = sqlx::query("SELECT name FROM sqlite_master WHERE type = 'table'");
        let rows = rows.fetch_all(database.pool()).await.unwrap();
        let mut existing: Vec<String> = rows.iter().map(|row| row.get("name")).collect();
        existing.retain(|name| !LEFT_OUT.contains(&name.as_str()));
        existing.sort();
        let mut listed: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        listed.sort_unstable();
        assert_eq!(listed, existing);
    }
}
