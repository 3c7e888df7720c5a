//! Database errors: locked, full, of a newer version, corrupt.

use std::time::{Duration, Instant};

use jelou_core::Clock;
use jelou_store::{DatabaseError, Store, StoreError, Vault, schema_state};
use sqlx::{AnyConnection, Connection};

use crate::fixture::{Fixture, actor, on_postgres, slug};

/// Takes the lock of changes, like another process.
fn lock() -> &'static str {
    if on_postgres() {
        "BEGIN; SELECT value FROM revision FOR UPDATE"
    } else {
        "BEGIN IMMEDIATE"
    }
}

#[tokio::test]
async fn a_lock_that_another_process_holds_is_reported_in_time() {
    let fixture = Fixture::with_busy_timeout(Duration::from_millis(50)).await;
    fixture.function("antes").await;
    let mut other = fixture.connection().await;
    sqlx::raw_sql(lock()).execute(&mut other).await.unwrap();

    let started = Instant::now();
    let answer = fixture
        .store
        .create_function(&actor(), &slug("durante"), None)
        .await;
    assert!(
        matches!(
            answer,
            Err(StoreError::Database(DatabaseError::Unavailable(_)))
        ),
        "{answer:?}"
    );
    assert!(started.elapsed() < Duration::from_secs(4));
    // Reads do not wait for the lock.
    assert_eq!(fixture.store.list_functions().await.unwrap().rows.len(), 1);

    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    fixture.function("durante").await;
}

#[tokio::test]
async fn a_turn_that_does_not_come_is_reported_in_time() {
    let fixture = Fixture::with_busy_timeout(Duration::from_secs(1)).await;
    let mut other = fixture.connection().await;
    sqlx::raw_sql(lock()).execute(&mut other).await.unwrap();
    let started = Instant::now();
    let mut waiting = tokio::task::JoinSet::new();
    for n in 0..40 {
        let store = fixture.store.clone();
        waiting.spawn(async move {
            store
                .create_function(&actor(), &slug(&format!("f{n}")), None)
                .await
        });
    }
    for answer in waiting.join_all().await {
        assert!(
            matches!(
                answer,
                Err(StoreError::Database(DatabaseError::Unavailable(_)))
            ),
            "{answer:?}"
        );
    }
    // If they waited one after the other, the calls would take 40 times the timeout.
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_full_disk_is_told_apart() {
    if on_postgres() {
        return;
    }
    let fixture = Fixture::new().await;
    let url = format!("sqlite://{}", fixture.database().display());
    let mut connection = AnyConnection::connect(&url).await.unwrap();
    // SQLite returns the same error code as for a full disk.
    sqlx::raw_sql("PRAGMA max_page_count = 1")
        .execute(&mut connection)
        .await
        .unwrap();
    let error =
        sqlx::query("INSERT INTO artifacts VALUES ('x', zeroblob(1000000), NULL, '', NULL)")
            .execute(&mut connection)
            .await
            .unwrap_err();
    let error = StoreError::from(error);
    assert!(
        matches!(error, StoreError::Database(DatabaseError::DiskFull(_))),
        "{error:?}"
    );
    assert_eq!(error.to_string(), "the disk of the database is full");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_used_if_it_is_compatible() {
    let fixture = Fixture::new().await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (9999, 'later', $1, $2, 0)",
    )
    .bind(true)
    .bind(&[0_u8][..])
    .execute(&mut fixture.connection().await)
    .await
    .unwrap();
    let open = async || {
        let vault = Vault::open(&fixture.key_file()).unwrap();
        Store::open(&fixture.config(), vault, Clock::system()).await
    };
    open().await.unwrap();
    let state = schema_state(&fixture.config()).await.unwrap();
    assert_eq!(state.database, Some(9999));
    assert!(state.is_usable, "{state:?}");

    fixture
        .execute("UPDATE compatibility SET migration = 9999")
        .await;
    let error = open().await.unwrap_err();
    let state = schema_state(&fixture.config()).await.unwrap();
    assert!(!state.is_usable, "{state:?}");
    assert!(
        matches!(
            error,
            StoreError::Database(DatabaseError::NewerVersion { migration: 9999 })
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jelou.db");
    let content = "not a database ".repeat(100);
    std::fs::write(&path, &content).unwrap();
    let vault = Vault::open(&folder.path().join("master.key")).unwrap();
    let config = jelou_store::StoreConfig::new(&path);
    let error = Store::open(&config, vault, Clock::system())
        .await
        .unwrap_err();
    assert!(
        matches!(error, StoreError::Database(DatabaseError::Corrupt { .. })),
        "{error:?}"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    assert!(!folder.path().join("master.key").exists());
}

#[tokio::test]
async fn a_row_that_this_program_did_not_write_names_its_column() {
    let fixture = Fixture::new().await;
    fixture.function("mi-funcion").await;
    fixture.execute("UPDATE functions SET id = 'x'").await;
    let error = fixture
        .store
        .function(&slug("mi-funcion"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, StoreError::Database(DatabaseError::Corrupt { ref place, .. }) if place == "id"),
        "{error:?}"
    );
}
