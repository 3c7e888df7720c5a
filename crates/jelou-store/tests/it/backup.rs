//! Backups and their restoration.

use std::error::Error as _;
use std::io::Read;
use std::time::Duration;

use jelou_store::backup::{self, BackupError, Contents};
use jelou_store::{RuntimeTokenCredential, SecretOwner, Snapshot, Store, StoreConfig, Vault};

use crate::fixture::{
    Fixture, access_token, actor, database, deployment, first_token, on_postgres,
};

/// A store with rows in most tables, among them a deployment, bytes, nulls and texts that JSON escapes.
async fn filled() -> Fixture {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let mut new = deployment("mi-funcion", "const ñ = \"\\ 😀\u{2028}\";\n");
    new.artifact.assets = Some((0..=255).collect());
    let deployed = store.deploy(&actor(), new, first_token).await.unwrap();
    store
        .deploy(&actor(), deployment("mi-funcion", "v2"), first_token)
        .await
        .unwrap();
    fixture.token(&deployed.function.id, "ci").await;
    fixture.function("vacia").await;
    let owner = SecretOwner::Function(deployed.function.id);
    fixture.set(&owner, "KEY", "hunter2").await;
    store
        .create_access_token(&actor(), access_token("ci"))
        .await
        .unwrap();
    fixture
}

async fn written(fixture: &Fixture) -> (Vec<u8>, Contents) {
    let mut file = Vec::new();
    let contents = backup::write(&fixture.config(), "1.2.3", &fixture.clock, &mut file)
        .await
        .unwrap();
    (file, contents)
}

async fn state(store: &Store) -> Snapshot<Vec<RuntimeTokenCredential>> {
    store.snapshot().await.unwrap()
}

struct Target {
    folder: tempfile::TempDir,
}

impl Target {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    fn config(&self) -> StoreConfig {
        StoreConfig::new(self.folder.path().join("jelou.db"))
    }
}

#[tokio::test]
async fn a_restored_database_equals_the_one_of_the_backup() {
    let fixture = filled().await;
    let (file, contents) = written(&fixture).await;
    assert_eq!(backup::verify(&*file).unwrap(), contents);
    assert_eq!(contents.trailer.rows["deployments"], 2);
    let key_id = fixture.store.vault().key_id();
    assert!(contents.trailer.keys.iter().eq([key_id.as_str()]));

    let target = Target::new();
    let restored = backup::restore(&target.config(), &*file).await.unwrap();
    assert_eq!(restored, contents);
    let vault = Vault::open(&fixture.key_file()).unwrap();
    let store = Store::open(&target.config(), vault, fixture.clock.clone())
        .await
        .unwrap();
    assert_eq!(state(&store).await, state(&fixture.store).await);
    assert_eq!(
        store.revision().await.unwrap(),
        fixture.store.revision().await.unwrap()
    );

    // Equal databases give equal backups, so that a move can be verified.
    let mut again = Vec::new();
    backup::write(&target.config(), "1.2.3", &fixture.clock, &mut again)
        .await
        .unwrap();
    assert!(again == file, "the backups differ");

    // Restores the backup into the other database engine, and then back.
    let folder = tempfile::tempdir().unwrap();
    let (location, _) = database(&folder).await;
    let config = StoreConfig::at(location);
    backup::restore(&config, &*again).await.unwrap();
    let mut back = Vec::new();
    backup::write(&config, "1.2.3", &fixture.clock, &mut back)
        .await
        .unwrap();
    assert!(back == file, "the backups differ");

    // The restored database continues the audit chain.
    store
        .create_function(&actor(), &"otra".parse().unwrap(), None)
        .await
        .unwrap();
}

#[tokio::test]
async fn changes_go_on_during_a_backup() {
    let fixture = filled().await;
    let difference = |contents: &Contents| {
        let rows = &contents.trailer.rows;
        rows["audit"] - rows["functions"]
    };
    let (_, before) = written(&fixture).await;
    let store = fixture.store.clone();
    let changes = tokio::spawn(async move {
        for number in 0..20 {
            let slug = format!("f{number}").parse().unwrap();
            store.create_function(&actor(), &slug, None).await.unwrap();
        }
    });
    for _ in 0..5 {
        let (file, contents) = written(&fixture).await;
        backup::verify(&*file).unwrap();
        // Each change creates one function and one audit entry.
        assert_eq!(difference(&contents), difference(&before));
    }
    changes.await.unwrap();
}

#[tokio::test]
async fn a_damaged_backup_is_refused_and_restores_nothing() {
    let fixture = filled().await;
    let (file, _) = written(&fixture).await;
    let text = zstd::decode_all(&*file).unwrap();
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let packed = |lines: &[&[u8]]| zstd::encode_all(&*lines.concat(), 1).unwrap();
    let mut changed = text.clone();
    let place = text.windows(7).position(|part| part == b"default").unwrap();
    changed[place] = b'D';
    let without_a_row: Vec<&[u8]> = [&lines[..lines.len() - 3], &lines[lines.len() - 2..]].concat();
    for (what, damaged) in [
        ("cut in the middle", file[..file.len() / 2].to_vec()),
        ("cut before its last byte", file[..file.len() - 1].to_vec()),
        ("without its last line", packed(&lines[..lines.len() - 1])),
        ("without a row", packed(&without_a_row)),
        ("with another letter", packed(&[&changed])),
        ("empty", Vec::new()),
        ("not compressed", text.clone()),
    ] {
        let error = backup::verify(&*damaged).unwrap_err();
        let target = Target::new();
        let refused = backup::restore(&target.config(), &*damaged)
            .await
            .unwrap_err();
        assert_eq!(refused.to_string(), error.to_string(), "{what}");
        // The target is still empty.
        backup::restore(&target.config(), &*file).await.unwrap();
    }
}

#[tokio::test]
async fn statements_come_from_no_backup() {
    let heading = r#"{"table":"functions","columns":["id) VALUES (1); DROP TABLE functions; --"]}"#;
    let header = r#"{"jelouBackup":1,"version":"1","schema":SCHEMA,"createdAt":"now"}"#;
    let fixture = filled().await;
    let (_, contents) = written(&fixture).await;
    let header = header.replace("SCHEMA", &contents.header.schema.to_string());
    let unknown = r#"{"table":"sqlite_master","columns":["name"]}"#;
    for (heading, reason) in [
        (heading, "is no column"),
        (unknown, "no table `sqlite_master`"),
    ] {
        let file = format!("{header}\n{heading}\n[\"x\"]\n");
        let file = zstd::encode_all(file.as_bytes(), 1).unwrap();
        let error = backup::restore(&Target::new().config(), &*file)
            .await
            .unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert!(error.to_string().starts_with("line 2"), "{error}");
    }
}

#[tokio::test]
async fn only_an_empty_database_is_a_target() {
    let fixture = filled().await;
    let (file, _) = written(&fixture).await;
    let before = state(&fixture.store).await;
    let error = backup::restore(&fixture.config(), &*file)
        .await
        .unwrap_err();
    assert!(
        matches!(error, BackupError::NotEmpty("revision")),
        "{error}"
    );
    assert_eq!(state(&fixture.store).await, before);
}

#[tokio::test]
async fn no_database_is_no_backup() {
    let target = Target::new();
    let error = backup::write(
        &target.config(),
        "1",
        &Fixture::new().await.clock,
        Vec::new(),
    )
    .await
    .unwrap_err();
    assert!(matches!(error, BackupError::Database(_)), "{error}");
    assert!(!target.folder.path().join("jelou.db").exists());
}

#[tokio::test]
async fn another_schema_is_refused() {
    let fixture = filled().await;
    let (file, contents) = written(&fixture).await;
    let text = String::from_utf8(zstd::decode_all(&*file).unwrap()).unwrap();
    let newer = contents.header.schema + 1;
    let old = format!(r#""schema":{}"#, contents.header.schema);
    let text = text.replacen(&old, &format!(r#""schema":{newer}"#), 1);
    let file = zstd::encode_all(text.as_bytes(), 1).unwrap();
    let error = backup::restore(&Target::new().config(), &*file)
        .await
        .unwrap_err();
    assert!(matches!(error, BackupError::OtherSchema { .. }), "{error}");
    assert!(error.to_string().contains("jelou 1.2.3"), "{error}");

    fixture
        .execute("UPDATE _sqlx_migrations SET version = version + 100 WHERE version = (SELECT MAX(version) FROM _sqlx_migrations)")
        .await;
    let error = backup::write(&fixture.config(), "1", &fixture.clock, Vec::new())
        .await
        .unwrap_err();
    assert!(
        matches!(error, BackupError::OtherDatabase { .. }),
        "{error}"
    );
}

/// Input that pauses once in the middle, like a pipe from a slow machine.
struct Slow<'a> {
    content: &'a [u8],
    pause_at: usize,
    pause: Duration,
}

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.content.len() <= self.pause_at {
            std::thread::sleep(std::mem::take(&mut self.pause));
        }
        let count = buffer.len().min(100);
        self.content.read(&mut buffer[..count])
    }
}

/// PostgreSQL ends a transaction whose client is silent for 10 seconds.
#[tokio::test]
async fn a_slow_pipe_is_restored() {
    if !on_postgres() {
        return;
    }
    let fixture = filled().await;
    let (file, contents) = written(&fixture).await;
    let folder = tempfile::tempdir().unwrap();
    let config = StoreConfig::at(database(&folder).await.0);
    let slow = Slow {
        pause_at: 200,
        pause: Duration::from_secs(12),
        content: &file,
    };
    let restored = backup::restore(&config, slow).await.unwrap();
    assert_eq!(restored, contents);
}

/// Earlier versions accepted U+0000 on SQLite.
#[tokio::test]
async fn a_row_that_postgresql_cannot_store_is_named() {
    if !on_postgres() {
        return;
    }
    let (source, fixture) = (Target::new(), Fixture::new().await);
    let vault = Vault::from_master_key(&"0".repeat(64)).unwrap();
    let own = source.config();
    let store = Store::open(&own, vault, fixture.clock.clone());
    let created = store.await.unwrap();
    let (slug, by) = ("hola".parse().unwrap(), actor());
    let created = created.create_function(&by, &slug, Some("a\0b"));
    let id = created.await.unwrap().id;
    let mut file = Vec::new();
    let write = backup::write(&own, "1", &fixture.clock, &mut file);
    write.await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = StoreConfig::at(database(&folder).await.0);
    let error = backup::restore(&config, &*file).await.unwrap_err();
    let named = format!("the row id = `{id}` of the table `functions`");
    assert!(error.to_string().contains(&named), "{error}");
    let cause = error.source().unwrap().to_string();
    assert!(cause.contains("U+0000"), "{cause}");
}
