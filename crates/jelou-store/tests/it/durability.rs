//! Cancelled calls, closing, and acknowledged changes after a crash.

use std::os::unix::fs::PermissionsExt;
use std::task::Poll;

use jelou_core::Clock;
use jelou_store::{
    DatabaseError, RuntimeTokenCredential, SecretOwner, Store, StoreConfig, StoreError, Vault,
};

use crate::fixture::{Fixture, actor, deployment, first_token, on_postgres, slug};

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_crash() {
    if on_postgres() {
        return;
    }
    let fixture = Fixture::new().await;
    let deployed = fixture
        .store
        .deploy(&actor(), deployment("mi-funcion", "v1"), first_token)
        .await
        .unwrap();
    fixture
        .set(
            &SecretOwner::Function(deployed.function.id.clone()),
            "A",
            "value",
        )
        .await;
    let before = fixture
        .store
        .snapshot::<Vec<RuntimeTokenCredential>>()
        .await
        .unwrap();

    // The state after a killed process: a copy of the files, without a close or a checkpoint.
    let folder = tempfile::tempdir().unwrap();
    for name in ["jelou.db", "jelou.db-wal", "master.key"] {
        std::fs::copy(fixture.folder.path().join(name), folder.path().join(name)).unwrap();
    }
    let vault = Vault::open(&folder.path().join("master.key")).unwrap();
    let config = StoreConfig::new(folder.path().join("jelou.db"));
    let survivor = Store::open(&config, vault, Clock::system()).await.unwrap();
    assert_eq!(
        survivor
            .snapshot::<Vec<RuntimeTokenCredential>>()
            .await
            .unwrap(),
        before
    );
    assert!(
        survivor
            .artifact(deployed.deployment.artifact_hash)
            .await
            .is_ok()
    );
}

/// If a caller disconnects, the future is dropped at any of its `await` points.
#[tokio::test]
async fn a_change_that_is_abandoned_halfway_leaves_nothing_and_blocks_nobody() {
    let fixture = Fixture::new().await;
    let actor = actor();
    let slug = slug("halfway");
    let mut waits = 0;
    loop {
        let deploy = fixture
            .store
            .deploy(&actor, deployment("halfway", "v1"), first_token);
        let deployed = abandon_after(waits, deploy).await;
        let live = match fixture.store.function(&slug).await {
            Ok(function) => Some(function.record.live.unwrap().id),
            Err(StoreError::NotFound { .. }) => None,
            Err(error) => panic!("{error:?}"),
        };
        match deployed {
            Some(deployed) => {
                assert_eq!(live, Some(deployed.unwrap().deployment.id));
                break;
            }
            // The commit was already under way. In this case the whole deploy must be stored.
            None if live.is_some() => {
                fixture.store.delete_function(&actor, &slug).await.unwrap();
            }
            None => {}
        }
        waits += 1;
    }
    assert!(waits > 0, "there was nothing to abandon");
}

/// Returns the future's output, or `None` if the future is pending more than `waits` times.
async fn abandon_after<F: Future>(waits: usize, future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut waited = 0;
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if waited == waits => Poll::Ready(None),
        Poll::Pending => {
            waited += 1;
            Poll::Pending
        }
    })
    .await
}

#[tokio::test]
async fn closing_leaves_one_complete_file() {
    if on_postgres() {
        return;
    }
    let fixture = Fixture::new().await;
    fixture.function("mi-funcion").await;
    fixture.store.close().await.unwrap();
    let wal = format!("{}-wal", fixture.database().display());
    assert!(!std::path::Path::new(&wal).exists());
    let answer = fixture.store.ping().await;
    assert!(
        matches!(
            answer,
            Err(StoreError::Database(DatabaseError::Unavailable(_)))
        ),
        "{answer:?}"
    );
    let again = fixture.open_again().await;
    assert_eq!(again.list_functions().await.unwrap().rows.len(), 1);
}

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    if on_postgres() {
        return;
    }
    let fixture = Fixture::new().await;
    fixture.function("mi-funcion").await;
    for suffix in ["", "-wal", "-shm"] {
        let path = format!("{}{suffix}", fixture.database().display());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{path}");
    }
}

#[tokio::test]
async fn any_folder_will_do() {
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join("100% ¿qué? #1 [a]&b=c %20");
    std::fs::create_dir(&odd).unwrap();
    let config = StoreConfig::new(odd.join("../100% ¿qué? #1 [a]&b=c %20/jelou.db"));
    let vault = Vault::open(&odd.join("master.key")).unwrap();
    let store = Store::open(&config, vault, Clock::system()).await.unwrap();
    store.ping().await.unwrap();
    assert!(odd.join("jelou.db").exists());

    let missing = StoreConfig::new(folder.path().join("missing/jelou.db"));
    let vault = Vault::from_master_key(&"0".repeat(64)).unwrap();
    let error = Store::open(&missing, vault, Clock::system())
        .await
        .unwrap_err();
    assert!(
        matches!(error, StoreError::Database(DatabaseError::File { .. })),
        "{error:?}"
    );
}
