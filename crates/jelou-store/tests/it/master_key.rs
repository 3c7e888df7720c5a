//! Rotation of the master key, including an interrupted rotation.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use jelou_store::{
    KeySchedule, SecretOwner, Store, StoreConfig, StoreError, Vault, VaultError, backup,
};
use jiff::SignedDuration;
use zeroize::Zeroizing;

use crate::fixture::{Fixture, actor, database, on_postgres, secret_key};

const VALUES: [&str; 3] = ["first-value", "second-value", "third-value"];

async fn filled() -> Fixture {
    let fixture = Fixture::new().await;
    let owner = SecretOwner::Function(fixture.function("a").await.id);
    for value in VALUES {
        fixture.set(&owner, "A", value).await;
        fixture.set(&SecretOwner::Organisation, "B", value).await;
    }
    assert_eq!(identity_key(&fixture.store).await, b"private");
    fixture
}

async fn identity_key(store: &Store) -> Vec<u8> {
    let schedule = KeySchedule {
        period: SignedDuration::from_secs(100),
        kept: SignedDuration::from_secs(10),
    };
    let number = std::cell::Cell::new(0);
    let generate = || {
        number.set(number.get() + 1);
        let pkcs8 = Zeroizing::new(b"private".to_vec());
        Ok::<_, StoreError>((format!("key {}", number.get()), pkcs8))
    };
    let keys = store
        .rotate_identity_keys(schedule, generate)
        .await
        .unwrap();
    keys[0].pkcs8.to_vec()
}

/// The value of the organisation's secret.
async fn value(store: &Store) -> String {
    let sealed = store
        .sealed_secrets(&SecretOwner::Organisation)
        .await
        .unwrap();
    let vault = store.vault();
    vault
        .unseal(&sealed[0].owner, &sealed[0].key, &sealed[0].sealed)
        .unwrap()
        .to_string()
}

fn next_file(fixture: &Fixture) -> PathBuf {
    fixture.folder.path().join("master.key.next")
}

/// The number of values that are not encrypted with the current key.
async fn left(fixture: &Fixture, store: &Store) -> i64 {
    let id = store.vault().key_id();
    let mut connection = fixture.connection().await;
    let mut left = 0;
    for table in ["secrets", "secret_versions", "identity_keys"] {
        let query = format!("SELECT count(*) FROM {table} WHERE key_id <> '{id}'");
        left += sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(query))
            .fetch_one(&mut connection)
            .await
            .unwrap();
    }
    left
}

#[tokio::test]
async fn everything_is_encrypted_anew_and_the_old_key_is_not_needed() {
    let fixture = filled().await;
    if on_postgres() {
        let refused = fixture.store.rotate_master_key(&actor()).await;
        assert!(matches!(
            refused,
            Err(StoreError::Vault(VaultError::SharedKey))
        ));
        return;
    }
    let store = &fixture.store;
    let old = (
        store.vault().key_id(),
        fs::read(fixture.key_file()).unwrap(),
    );
    let rotated = store.rotate_master_key(&actor()).await.unwrap();
    // Two secrets, two earlier versions of each, and two identity keys.
    assert_eq!(rotated.values, 8);
    assert_ne!(rotated.key_id, old.0);
    assert_eq!(left(&fixture, store).await, 0);
    assert_ne!(fs::read(fixture.key_file()).unwrap(), old.1);
    assert!(!next_file(&fixture).exists());

    let again = fixture.open_again().await;
    assert_eq!(again.vault().key_id(), rotated.key_id);
    assert!(!again.is_rotating_master_key());
    assert_eq!(value(&again).await, "third-value");
    assert_eq!(identity_key(&again).await, b"private");
    let organisation = SecretOwner::Organisation;
    again
        .rollback_secret(&actor(), &organisation, &secret_key("B"), None)
        .await
        .unwrap();
    assert_eq!(value(&again).await, "second-value");

    fs::write(fixture.key_file(), old.1).unwrap();
    let vault = Vault::open(&fixture.key_file()).unwrap();
    let refused = Store::open(&fixture.config(), vault, fixture.clock.clone()).await;
    assert!(matches!(
        refused,
        Err(StoreError::Vault(VaultError::OtherKey { .. }))
    ));
}

/// The state after a server was killed: the next key exists, and some values need it.
#[tokio::test]
async fn an_interrupted_rotation_continues() {
    if on_postgres() {
        return;
    }
    let fixture = filled().await;
    let mut next = fs::OpenOptions::new();
    let mut next = next
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(next_file(&fixture))
        .unwrap();
    next.write_all(&[7; 32]).unwrap();
    let again = fixture.open_again().await;
    assert!(again.is_rotating_master_key());
    assert_eq!(left(&fixture, &again).await, 8);
    assert_eq!(value(&again).await, "third-value");
    let organisation = SecretOwner::Organisation;
    let new = vec![crate::fixture::secret("B", "new-value")];
    again
        .set_secrets(&actor(), &organisation, new)
        .await
        .unwrap();

    // Killed again, with values under both keys.
    let again = fixture.open_again().await;
    assert_eq!(value(&again).await, "new-value");
    let key = again.vault().key_id();
    // A second request continues with the same key.
    let rotated = again.rotate_master_key(&actor()).await.unwrap();
    assert_eq!(rotated.key_id, key);
    assert_eq!(left(&fixture, &again).await, 0);
    assert_eq!(fs::read(fixture.key_file()).unwrap(), [7; 32]);
    assert!(!next_file(&fixture).exists());
    let again = fixture.open_again().await;
    assert!(!again.is_rotating_master_key());
    assert_eq!(value(&again).await, "new-value");
}

#[tokio::test]
async fn keys_from_elsewhere_rotate_by_their_order() {
    if on_postgres() {
        return;
    }
    let fixture = filled().await;
    let old = fs::read(fixture.key_file()).unwrap();
    let old = old
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let new = "11".repeat(32);
    let open = async |keys: String| {
        let vault = Vault::from_master_key(&keys).unwrap();
        Store::open(&fixture.config(), vault, fixture.clock.clone()).await
    };
    let store = open(format!("{new}\n{old}\n")).await.unwrap();
    assert!(store.is_rotating_master_key());
    let refused = store.rotate_master_key(&actor()).await.unwrap_err();
    assert!(
        refused.to_string().contains("put the new key before"),
        "{refused}"
    );
    assert_eq!(store.continue_rotation(&actor()).await.unwrap().values, 8);
    let revision = store.revision().await.unwrap();
    // The next start finds nothing to encrypt, and records nothing.
    let store = open(format!("{new} {old}")).await.unwrap();
    assert_eq!(store.continue_rotation(&actor()).await.unwrap().values, 0);
    assert_eq!(store.revision().await.unwrap(), revision);
    assert_eq!(value(&open(new).await.unwrap()).await, "third-value");
    assert!(matches!(
        open(old).await,
        Err(StoreError::Vault(VaultError::OtherKey { .. }))
    ));
}

/// Servers of one database encrypt with one key, even if each has other keys too.
#[tokio::test]
async fn an_earlier_key_is_not_the_key_of_a_shared_database() {
    if !on_postgres() {
        return;
    }
    let (old, new) = ("1".repeat(64), "2".repeat(64));
    let folder = tempfile::tempdir().unwrap();
    let config = StoreConfig::at(database(&folder).await.0);
    let open = |keys: String| {
        let vault = Vault::from_master_key(&keys).unwrap();
        Store::open(&config, vault, jelou_core::Clock::system())
    };
    open(old.clone()).await.unwrap();
    let refused = open(format!("{new} {old}")).await.unwrap_err();
    let StoreError::Vault(VaultError::NotTheSharedKey { current, shared }) = &refused else {
        panic!("{refused}");
    };
    assert!(
        refused
            .to_string()
            .contains(&format!("give {shared} first"))
    );
    assert_ne!(current, shared);
    open(format!("{old} {new}")).await.unwrap();
}

/// The backup goes from PostgreSQL to SQLite, where the key is rotated, and back.
#[tokio::test]
async fn a_rotated_key_goes_with_a_backup_into_a_shared_database() {
    if !on_postgres() {
        return;
    }
    let fixture = filled().await;
    let folder = tempfile::tempdir().unwrap();
    let own = StoreConfig::new(folder.path().join("jelou.db"));
    let file = folder.path().join("master.key");
    fs::copy(fixture.key_file(), &file).unwrap();
    let mut moved = Vec::new();
    let shared = fixture.config();
    let write = backup::write(&shared, "1", &fixture.clock, &mut moved);
    write.await.unwrap();
    backup::restore(&own, &*moved).await.unwrap();
    let open = |config: StoreConfig| {
        let vault = Vault::open(&file).unwrap();
        let clock = fixture.clock.clone();
        async move { Store::open(&config, vault, clock).await }
    };
    let store = open(own.clone()).await.unwrap();
    let rotated = store.rotate_master_key(&actor()).await.unwrap();
    assert_ne!(rotated.key_id, fixture.store.vault().key_id());

    let mut back = Vec::new();
    let write = backup::write(&own, "1", &fixture.clock, &mut back);
    let contents = write.await.unwrap();
    assert!(contents.trailer.keys.iter().eq([rotated.key_id.as_str()]));
    let target = StoreConfig::at(database(&folder).await.0);
    backup::restore(&target, &*back).await.unwrap();
    let store = open(target).await.unwrap();
    assert_eq!(value(&store).await, VALUES[2]);
}
