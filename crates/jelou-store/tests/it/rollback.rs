//! Rollbacks to earlier deployments.

use jelou_core::DeploymentId;
use jelou_core::api::{Health, SecretChange};
use jelou_store::{
    ActivationKind, CallCount, Deployed, Resource, RolledBack, SecretOwner, StoreError,
};

use crate::fixture::{Fixture, actor, deployment, first_token, secret_key, slug};

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
        .rollback(&actor(), function, None, ActivationKind::Rollback, None)
        .await
        .unwrap();
    assert_eq!(back.deployment.id, second.deployment.id);
    assert!(back.deployment.live);
    assert_eq!(back.previous_live, Some(third.deployment.id));
    assert_eq!(back.function.updated_at, fixture.clock.now());
    assert_eq!(back.function.live.unwrap().id, second.deployment.id);

    let back = fixture
        .store
        .rollback(&actor(), function, None, ActivationKind::Rollback, None)
        .await
        .unwrap();
    assert_eq!(back.deployment.id, first.deployment.id);

    let end = fixture
        .store
        .rollback(&actor(), function, None, ActivationKind::Rollback, None)
        .await;
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
            .rollback(
                &actor(),
                function,
                Some(target),
                ActivationKind::Rollback,
                None,
            )
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
        .rollback(
            &actor(),
            &third.function.id,
            Some(&third.deployment.id),
            ActivationKind::Rollback,
            None,
        )
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
            .rollback(
                &actor(),
                &first.function.id,
                Some(&target),
                ActivationKind::Rollback,
                None,
            )
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
    let answer = fixture
        .store
        .rollback(&actor(), &function.id, None, ActivationKind::Rollback, None)
        .await;
    assert!(
        matches!(answer, Err(StoreError::Conflict { .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_rollback_can_be_rolled_back() {
    let fixture = Fixture::new().await;
    let [first, second, third] = three_deployments(&fixture).await;
    let function = &first.function.id;
    let rollback = async |target| {
        live(
            &fixture
                .store
                .rollback(&actor(), function, target, ActivationKind::Rollback, None)
                .await,
        )
    };
    assert_eq!(rollback(None).await, second.deployment.id);
    let undo = Some(&third.deployment.id);
    assert_eq!(rollback(undo).await, third.deployment.id);
    // A deployment that was replaced by a newer one is healthy.
    assert_eq!(rollback(None).await, second.deployment.id);
    assert_eq!(rollback(None).await, first.deployment.id);
}

#[tokio::test]
async fn the_default_is_the_one_that_was_live_last() {
    let fixture = Fixture::new().await;
    let [first, _, _] = three_deployments(&fixture).await;
    let function = &first.function.id;
    let store = &fixture.store;
    let oldest = Some(&first.deployment.id);
    store
        .rollback(&actor(), function, oldest, ActivationKind::Rollback, None)
        .await
        .unwrap();
    store
        .deploy(&actor(), deployment("mi-funcion", "v4"), first_token)
        .await
        .unwrap();
    let back = store
        .rollback(&actor(), function, None, ActivationKind::Rollback, None)
        .await;
    assert_eq!(live(&back), first.deployment.id);
}

#[tokio::test]
async fn a_deployment_whose_calls_failed_is_no_default() {
    let fixture = Fixture::new().await;
    let [first, second, third] = three_deployments(&fixture).await;
    let count = |deployed: &Deployed, calls, failed| CallCount {
        deployment: deployed.deployment.id.clone(),
        calls,
        failed,
    };
    let store = &fixture.store;
    let counts = [
        count(&first, 10, 5),
        count(&second, 10, 6),
        count(&third, 1, 0),
    ];
    store.add_calls(&counts).await.unwrap();
    let plan = store
        .plan_rollback(&first.function.id, None, ActivationKind::Rollback)
        .await
        .unwrap();
    assert_eq!(plan.target.id, first.deployment.id);
    assert_eq!(plan.target.health(), Health::Healthy);
    // A deployment that is named is restored in any case.
    let named = Some(&second.deployment.id);
    let back = store
        .rollback(
            &actor(),
            &first.function.id,
            named,
            ActivationKind::Rollback,
            None,
        )
        .await
        .unwrap();
    assert_eq!(back.deployment.health(), Health::Failing);
    assert_eq!(
        (back.deployment.calls, back.deployment.failed_calls),
        (10, 6)
    );
}

#[tokio::test]
async fn a_plan_names_the_secrets_that_changed_since() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let deploy = async |version| {
        let new = deployment("mi-funcion", version);
        store.deploy(&actor(), new, first_token).await.unwrap()
    };
    let first = deploy("v1").await;
    let owner = SecretOwner::Function(first.function.id.clone());
    // The processes of the target had this value.
    fixture.set(&owner, "BEFORE", "1").await;
    deploy("v2").await;
    fixture.set(&owner, "CHANGED", "1").await;
    fixture.set(&owner, "CHANGED", "2").await;
    fixture.set(&owner, "GONE", "1").await;
    let gone = secret_key("GONE");
    store.delete_secret(&actor(), &owner, &gone).await.unwrap();
    let other = fixture.function("otra").await;
    fixture
        .set(&SecretOwner::Function(other.id), "OTHER", "1")
        .await;
    let plan = store
        .plan_rollback(&first.function.id, None, ActivationKind::Rollback)
        .await
        .unwrap();
    let changed: Vec<_> = plan
        .changed_secrets
        .iter()
        .map(|secret| (secret.key.as_str(), secret.change))
        .collect();
    assert_eq!(
        changed,
        [
            ("CHANGED", SecretChange::Set),
            ("GONE", SecretChange::Deleted)
        ]
    );
}

#[tokio::test]
async fn the_reason_is_in_the_audit_trail() {
    let fixture = Fixture::new().await;
    let [first, second, _] = three_deployments(&fixture).await;
    fixture
        .store
        .rollback(
            &actor(),
            &first.function.id,
            None,
            ActivationKind::Rollback,
            Some("it was slow"),
        )
        .await
        .unwrap();
    let page = fixture.store.audit(None, 1).await.unwrap();
    let entry = &page.items[0];
    assert_eq!(entry.action, "deployment.rollback");
    assert_eq!(entry.target, second.deployment.id.as_str());
    let detail = format!("{}: it was slow", second.deployment.id);
    assert_eq!(entry.detail.as_deref(), Some(detail.as_str()));
}

fn live(back: &Result<RolledBack, StoreError>) -> DeploymentId {
    let live = back.as_ref().unwrap().function.live.as_ref();
    live.unwrap().id.clone()
}
