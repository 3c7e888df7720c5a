//! Rollbacks to earlier deployments.

use jelou_core::DeploymentId;
use jelou_store::{Deployed, Resource, StoreError};

use crate::fixture::{Fixture, actor, deployment, first_token, slug};

async fn three_deployments(fixture: &Fixture) -> [Deployed; 3] {
    let mut made = Vec::new();
    for version in ["v1", "v2", "v3"] {
        let new = deployment("mi-funcion", version);
        made.push(
            fixture
                .store
                .deploy(&actor(), new, first_token)
                .await
                .unwrap(),
        );
    }
    made.try_into().unwrap()
}

#[tokio::test]
async fn each_call_goes_one_further_back() {
    let fixture = Fixture::new().await;
    let [first, second, third] = three_deployments(&fixture).await;
    let function = &first.function.id;

    fixture.advance(60);
    let back = fixture
        .store
        .rollback(&actor(), function, None)
        .await
        .unwrap();
    assert_eq!(back.deployment.id, second.deployment.id);
    assert!(back.deployment.live);
    assert_eq!(back.previous_live, Some(third.deployment.id));
    assert_eq!(back.function.updated_at, fixture.clock.now());
    assert_eq!(back.function.live.unwrap().id, second.deployment.id);

    let back = fixture
        .store
        .rollback(&actor(), function, None)
        .await
        .unwrap();
    assert_eq!(back.deployment.id, first.deployment.id);

    let end = fixture.store.rollback(&actor(), function, None).await;
    assert!(matches!(end, Err(StoreError::Conflict { .. })), "{end:?}");
    let function = fixture.store.function(&slug("mi-funcion")).await.unwrap();
    assert_eq!(function.record.live.unwrap().id, first.deployment.id);
}

#[tokio::test]
async fn a_named_deployment_becomes_live_whether_older_or_newer() {
    let fixture = Fixture::new().await;
    let [first, _, third] = three_deployments(&fixture).await;
    let function = &first.function.id;
    for target in [&first.deployment.id, &third.deployment.id] {
        let back = fixture
            .store
            .rollback(&actor(), function, Some(target))
            .await
            .unwrap();
        assert_eq!(back.function.live.unwrap().id, *target);
    }
}

#[tokio::test]
async fn the_live_one_stays_live_without_a_change() {
    let fixture = Fixture::new().await;
    let [_, _, third] = three_deployments(&fixture).await;
    let revision = fixture.store.revision().await.unwrap();
    let back = fixture
        .store
        .rollback(&actor(), &third.function.id, Some(&third.deployment.id))
        .await
        .unwrap();
    assert_eq!(back.previous_live, Some(third.deployment.id));
    assert_eq!(fixture.store.revision().await.unwrap(), revision);
}

#[tokio::test]
async fn a_deployment_of_another_function_is_not_found() {
    let fixture = Fixture::new().await;
    let [first, ..] = three_deployments(&fixture).await;
    let other = fixture
        .store
        .deploy(&actor(), deployment("otra", "v1"), first_token)
        .await
        .unwrap();
    for target in [other.deployment.id, DeploymentId::generate()] {
        let answer = fixture
            .store
            .rollback(&actor(), &first.function.id, Some(&target))
            .await;
        assert!(
            matches!(
                answer,
                Err(StoreError::NotFound {
                    kind: Resource::Deployment,
                    ..
                })
            ),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn a_function_without_deployments_has_nothing_to_go_back_to() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let answer = fixture.store.rollback(&actor(), &function.id, None).await;
    assert!(
        matches!(answer, Err(StoreError::Conflict { .. })),
        "{answer:?}"
    );
}
