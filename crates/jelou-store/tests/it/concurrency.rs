//! Concurrent changes, within one process and from several processes.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::task::JoinSet;

use jelou_core::Clock;
use jelou_store::{LastTokenRule, RuntimeTokenCredential, Store, StoreConfig, StoreError, Vault};

use crate::fixture::{Fixture, actor, database, deployment, first_token, runtime_token, slug};

/// The longest time for all changes together, because each change waits for the others.
const PATIENCE: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn deploys_of_one_new_function_at_once_create_it_once() {
    let fixture = Fixture::with_busy_timeout(PATIENCE).await;
    // Two stores on one file act like two processes: the in-process queue does not order their changes.
    let stores = [fixture.store.clone(), fixture.open_again().await];
    let mut deploys = JoinSet::new();
    for n in 0..16 {
        let store = stores[n % 2].clone();
        deploys.spawn(async move {
            store
                .deploy(
                    &actor(),
                    deployment("mi-funcion", &format!("v{n}")),
                    first_token,
                )
                .await
                .unwrap()
        });
    }
    let deployed = deploys.join_all().await;
    assert_eq!(deployed.iter().filter(|d| d.token.is_some()).count(), 1);

    let function = fixture
        .store
        .function(&slug("mi-funcion"))
        .await
        .unwrap()
        .record;
    let listed = fixture
        .store
        .list_deployments(&function.id)
        .await
        .unwrap()
        .rows;
    assert_eq!(listed.len(), 16);
    assert_eq!(listed[0].id, function.live.unwrap().id);
    let entries = fixture.store.audit(None, 100).await.unwrap().items.len();
    assert_eq!(entries, 18);
    assert_eq!(fixture.store.revision().await.unwrap(), 18);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn servers_that_start_at_once_share_one_database_and_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let (location, _) = database(&folder).await;
    let mut starts = JoinSet::new();
    for _ in 0..8 {
        let config = StoreConfig {
            busy_timeout: PATIENCE,
            ..StoreConfig::at(location.clone())
        };
        let key_file = folder.path().join("master.key");
        starts.spawn(async move {
            let vault = Vault::open(&key_file).unwrap();
            Store::open(&config, vault, Clock::system()).await.unwrap()
        });
    }
    let stores = starts.join_all().await;
    let keys: BTreeSet<_> = stores.iter().map(|store| store.vault().key_id()).collect();
    assert_eq!(keys.len(), 1);
    for store in &stores {
        store.ping().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_gets_the_name() {
    let fixture = Fixture::with_busy_timeout(PATIENCE).await;
    let function = fixture.function("mi-funcion").await;
    let other = fixture.open_again().await;
    let mut creates = JoinSet::new();
    for n in 0..16 {
        let store = if n % 2 == 0 { &fixture.store } else { &other }.clone();
        let id = function.id.clone();
        creates.spawn(async move { store.create_token(&actor(), &id, runtime_token("ci")).await });
    }
    let answers = creates.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert!(
        answers
            .iter()
            .filter_map(|answer| answer.as_ref().err())
            .all(|error| matches!(error, StoreError::Conflict { .. })),
        "{answers:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn revoking_all_tokens_at_once_leaves_one() {
    let fixture = Fixture::with_busy_timeout(PATIENCE).await;
    let function = fixture.function("mi-funcion").await;
    let other = fixture.open_again().await;
    let mut ids = Vec::new();
    for n in 0..8 {
        ids.push(fixture.token(&function.id, &format!("t{n}")).await.id);
    }
    let mut revokes = JoinSet::new();
    for (n, id) in ids.into_iter().enumerate() {
        let store = if n % 2 == 0 { &fixture.store } else { &other }.clone();
        let function = function.id.clone();
        revokes.spawn(async move {
            store
                .revoke_token(&actor(), &function, &id, LastTokenRule::Enforced)
                .await
        });
    }
    let answers = revokes.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 1);
    assert_eq!(
        fixture
            .store
            .list_tokens(&function.id)
            .await
            .unwrap()
            .rows
            .len(),
        1
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn snapshots_show_no_half_of_a_change() {
    let fixture = Fixture::new().await;
    let store = fixture.store.clone();
    let writer = tokio::spawn(async move {
        for n in 0..20 {
            let name = format!("f{n}");
            store
                .deploy(&actor(), deployment(&name, "v1"), first_token)
                .await
                .unwrap();
        }
    });
    loop {
        let done = writer.is_finished();
        let snapshot = fixture
            .store
            .snapshot::<Vec<RuntimeTokenCredential>>()
            .await
            .unwrap();
        // Function, deployment and token: three revisions that become visible together.
        assert_eq!(snapshot.position.revision % 3, 0);
        assert_eq!(
            usize::try_from(snapshot.position.revision / 3).unwrap(),
            snapshot.functions.len()
        );
        assert_eq!(snapshot.functions.len(), snapshot.runtime_tokens.len());
        assert!(snapshot.functions.iter().all(|f| f.live.is_some()));
        if done {
            break;
        }
    }
    writer.await.unwrap();
}
