//! Which deployments and artifacts are kept.

use jelou_core::DeploymentId;
use jelou_store::{ActivationKind, Deployed, NewDeployment, StoreError};

use crate::fixture::{Fixture, actor, deployment, first_token};

/// Deploys another version. Three versions are kept.
async fn deploy(fixture: &Fixture, version: &str, pinned: bool) -> Deployed {
    let new = NewDeployment {
        pinned,
        kept: 3,
        ..deployment("mi-funcion", version)
    };
    fixture
        .store
        .deploy(&actor(), new, first_token)
        .await
        .unwrap()
}

async fn kept(fixture: &Fixture, deployed: &Deployed) -> Vec<DeploymentId> {
    let kept = fixture.store.list_deployments(&deployed.function.id);
    let kept = kept.await.unwrap();
    kept.rows
        .into_iter()
        .map(|deployment| deployment.id)
        .collect()
}

#[tokio::test]
async fn the_last_ones_are_kept_with_their_artifacts() {
    let fixture = Fixture::new().await;
    let mut all = Vec::new();
    for number in 0..5 {
        all.push(deploy(&fixture, &format!("v{number}"), false).await);
    }
    let expected: Vec<_> = all[2..]
        .iter()
        .rev()
        .map(|deployed| deployed.deployment.id.clone())
        .collect();
    assert_eq!(kept(&fixture, &all[0]).await, expected);
    let gone = all[1].deployment.artifact_hash;
    assert_eq!(all[4].deleted_artifacts, [gone]);
    assert!(matches!(
        fixture.store.artifact(gone).await,
        Err(StoreError::NotFound { .. })
    ));
    for deployed in &all[2..] {
        let hash = deployed.deployment.artifact_hash;
        fixture.store.artifact(hash).await.unwrap();
    }
    assert_eq!(fixture.count("SELECT count(*) FROM artifacts").await, 3);
}

#[tokio::test]
async fn an_artifact_of_two_deployments_stays_with_the_second() {
    let fixture = Fixture::new().await;
    let first = deploy(&fixture, "same", false).await;
    for version in ["v1", "v2", "same"] {
        let deployed = deploy(&fixture, version, false).await;
        assert_eq!(deployed.deleted_artifacts, []);
    }
    let hash = first.deployment.artifact_hash;
    fixture.store.artifact(hash).await.unwrap();
}

#[tokio::test]
async fn pinned_ones_are_kept_until_they_are_unpinned() {
    let fixture = Fixture::new().await;
    let pinned = deploy(&fixture, "v0", true).await;
    let later = deploy(&fixture, "v1", false).await;
    let function = &pinned.function.id;
    let store = &fixture.store;
    let id = &later.deployment.id;
    let record = store
        .pin_deployment(&actor(), function, id, true)
        .await
        .unwrap();
    assert!(record.pinned_at.is_some());
    for number in 2..7 {
        deploy(&fixture, &format!("v{number}"), false).await;
    }
    let ids = kept(&fixture, &pinned).await;
    assert_eq!(ids.len(), 5);
    assert!(ids.contains(&pinned.deployment.id) && ids.contains(id));
    store
        .pin_deployment(&actor(), function, id, false)
        .await
        .unwrap();
    deploy(&fixture, "v7", false).await;
    assert_eq!(kept(&fixture, &pinned).await.len(), 4);
    let actions: Vec<_> = store.audit(None, 100).await.unwrap().items;
    let of_pins = actions.iter().filter(|entry| entry.action.ends_with("pin"));
    assert_eq!(of_pins.count(), 2);
}

#[tokio::test]
async fn an_old_one_that_is_live_is_kept_and_so_is_the_way_back() {
    let fixture = Fixture::new().await;
    let first = deploy(&fixture, "v0", false).await;
    for number in 1..3 {
        deploy(&fixture, &format!("v{number}"), false).await;
    }
    let oldest = Some(&first.deployment.id);
    let function = &first.function.id;
    fixture
        .store
        .rollback(&actor(), function, oldest, ActivationKind::Rollback, None)
        .await
        .unwrap();
    for number in 3..5 {
        deploy(&fixture, &format!("v{number}"), false).await;
    }
    // The oldest deployment was live more recently than v1 and v2.
    let ids = kept(&fixture, &first).await;
    assert_eq!(ids.len(), 3);
    assert!(ids.contains(&first.deployment.id));
}
