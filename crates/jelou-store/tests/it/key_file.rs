//! The key file of the vault: creation, permissions, loss.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use jelou_core::Clock;
use jelou_store::{SecretOwner, Store, StoreConfig, StoreError, Vault, VaultError};

use crate::fixture::{Fixture, actor, on_postgres, secret};

fn write(path: &Path, content: &[u8], mode: u32) {
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn it_is_created_for_its_owner_alone() {
    let fixture = Fixture::new().await;
    let metadata = std::fs::metadata(fixture.key_file()).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o600);
    assert_eq!(metadata.len(), 32);
    // No temporary file remains.
    let mut names: Vec<_> = std::fs::read_dir(fixture.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("jelou.db"))
        .collect();
    names.sort();
    assert_eq!(names, ["master.key"]);
}

#[tokio::test]
async fn the_same_key_is_read_again() {
    let fixture = Fixture::new().await;
    fixture.set(&SecretOwner::Organisation, "A", "value").await;
    let again = fixture.open_again().await;
    assert_eq!(again.vault().key_id(), fixture.store.vault().key_id());
    let sealed = again
        .sealed_secrets(&SecretOwner::Organisation)
        .await
        .unwrap()
        .remove(0);
    let value = again
        .vault()
        .unseal(&sealed.owner, &sealed.key, &sealed.sealed)
        .unwrap();
    assert_eq!(*value, "value");
}

#[test]
fn one_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    for mode in [0o644, 0o640, 0o604, 0o620, 0o601] {
        write(&path, &[7; 32], mode);
        let error = Vault::open(&path).unwrap_err();
        assert!(matches!(error, VaultError::KeyFileMode { .. }), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("chmod 600 {}", path.display())),
            "{text}"
        );
        assert!(text.contains(&format!("mode {mode:04o}")), "{text}");
    }
    for mode in [0o600, 0o400] {
        write(&path, &[7; 32], 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        Vault::open(&path).unwrap();
    }
}

#[test]
fn one_that_is_not_a_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    for length in [0, 1, 31, 33, 64, 1_000_000] {
        write(&path, &vec![7; length], 0o600);
        let error = Vault::open(&path).unwrap_err();
        assert!(
            matches!(error, VaultError::KeyFileContent { .. }),
            "{length}: {error:?}"
        );
    }
    let error = Vault::open(&path.join("below-a-file")).unwrap_err();
    assert!(matches!(error, VaultError::KeyFile { .. }), "{error:?}");
}

#[tokio::test]
async fn a_lost_one_is_not_replaced_while_there_are_secrets() {
    let fixture = Fixture::new().await;
    fixture.set(&SecretOwner::Organisation, "A", "value").await;
    let key_id = fixture.store.vault().key_id();
    fixture.store.close().await.unwrap();
    let kept = std::fs::read(fixture.key_file()).unwrap();
    std::fs::remove_file(fixture.key_file()).unwrap();

    let vault = Vault::open(&fixture.key_file()).unwrap();
    let error = Store::open(&fixture.config(), vault, Clock::system())
        .await
        .unwrap_err();
    assert!(
        matches!(error, StoreError::Vault(VaultError::KeyFileMissing { .. })),
        "{error:?}"
    );
    assert!(error.to_string().contains(key_id.as_str()), "{error}");
    assert!(!fixture.key_file().exists());

    write(&fixture.key_file(), &kept, 0o600);
    fixture.open_again().await;
}

#[tokio::test]
async fn another_key_is_refused_while_there_are_secrets() {
    let fixture = Fixture::new().await;
    fixture.set(&SecretOwner::Organisation, "A", "value").await;
    let right = fixture.store.vault().key_id();
    let wrong = || Vault::from_master_key(&"0".repeat(64)).unwrap();
    let error = Store::open(&fixture.config(), wrong(), Clock::system())
        .await
        .unwrap_err();
    assert!(
        matches!(error, StoreError::Vault(VaultError::OtherKey { .. })),
        "{error:?}"
    );
    for id in [right.as_str(), wrong().key_id().as_str()] {
        assert!(error.to_string().contains(id), "{error}");
    }

    fixture
        .store
        .delete_secret(&actor(), &SecretOwner::Organisation, &secret("A", "").0)
        .await
        .unwrap();
    let opened = Store::open(&fixture.config(), wrong(), Clock::system()).await;
    // On PostgreSQL, the other servers of the database have the right key.
    assert_eq!(opened.is_err(), on_postgres(), "{opened:?}");
}

#[tokio::test]
async fn the_first_of_two_servers_decides_on_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let config = StoreConfig::new(folder.path().join("jelou.db"));
    let key_file = folder.path().join("master.key");
    let one = Vault::open(&key_file).unwrap();
    let two = Vault::open(&key_file).unwrap();
    assert_ne!(one.key_id(), two.key_id());
    let one = Store::open(&config, one, Clock::system()).await.unwrap();
    let two = Store::open(&config, two, Clock::system()).await.unwrap();
    assert_eq!(one.vault().key_id(), two.vault().key_id());
}
