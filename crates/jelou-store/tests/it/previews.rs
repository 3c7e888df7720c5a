//! Previews: their rows, and what is deleted with them.

use jelou_core::{FunctionId, PreviewId, PreviewName};
use jelou_store::{
    ActivationKind, Deployed, NewDeployment, NewPreview, PreviewRecord, PreviewTerms, Resource,
    SecretOwner, StoreError,
};
use jiff::SignedDuration;

use crate::fixture::{Fixture, actor, deployment, first_token, secret_key, slug};

fn name(text: &str) -> PreviewName {
    text.parse().unwrap()
}

fn terms(fixture: &Fixture, id: PreviewId) -> PreviewTerms {
    PreviewTerms {
        id,
        with_secrets: false,
        header_only: false,
        expires_at: fixture.clock.now() + SignedDuration::from_secs(100),
    }
}

async fn create(
    fixture: &Fixture,
    function: &FunctionId,
    text: &str,
) -> Result<PreviewRecord, StoreError> {
    let new = NewPreview {
        function: function.clone(),
        name: name(text),
        terms: terms(fixture, PreviewId::generate()),
        limit: 2,
    };
    fixture.store.create_preview(&actor(), new).await
}

async fn deploy(fixture: &Fixture, version: &str, preview: Option<&PreviewId>) -> Deployed {
    let new = NewDeployment {
        preview: preview.map(|id| terms(fixture, id.clone())),
        kept: 2,
        ..deployment("mi-funcion", version)
    };
    let deployed = fixture.store.deploy(&actor(), new, first_token).await;
    deployed.unwrap()
}

#[tokio::test]
async fn a_preview_is_one_of_a_function_by_its_name() {
    let fixture = Fixture::new().await;
    let live = deploy(&fixture, "v1", None).await;
    let function = &live.function.id;
    let first = create(&fixture, function, "pr-7").await.unwrap();
    assert_eq!((first.served.as_ref(), first.secrets), (None, 0));
    let again = create(&fixture, function, "pr-7").await;
    assert!(
        matches!(again, Err(StoreError::Conflict { .. })),
        "{again:?}"
    );
    create(&fixture, function, "pr-8").await.unwrap();
    let third = create(&fixture, function, "pr-9").await;
    let message = third.unwrap_err().to_string();
    assert!(message.contains("limits.max_previews"), "{message}");
    let unknown = create(&fixture, &FunctionId::generate(), "pr-1").await;
    assert!(
        matches!(unknown, Err(StoreError::NotFound { .. })),
        "{unknown:?}"
    );

    let deployed = deploy(&fixture, "v2", Some(&first.id)).await;
    assert!(!deployed.deployment.live && !deployed.deployment.was_live);
    assert_eq!(deployed.function.live.unwrap().id, live.deployment.id);
    assert_eq!(deployed.token, None);
    let listed = fixture.store.list_previews(function).await.unwrap().rows;
    assert_eq!(
        listed[0].served.as_ref().unwrap().id,
        deployed.deployment.id
    );
    let found = fixture
        .store
        .deployment(function, &deployed.deployment.id)
        .await;
    assert_eq!(found.unwrap().previews, [name("pr-7")]);
    let summary = fixture.store.function(&slug("mi-funcion")).await.unwrap();
    assert_eq!(summary.previews, 2);
}

#[tokio::test]
async fn an_expired_one_goes_with_what_it_owns() {
    let fixture = Fixture::new().await;
    let function = deploy(&fixture, "v1", None).await.function.id;
    let first = create(&fixture, &function, "pr-7").await.unwrap();
    let owner = SecretOwner::Preview(first.id.clone());
    let secret = vec![(secret_key("KEY"), "value".to_owned().into())];
    let set = fixture.store.set_secrets(&actor(), &owner, secret).await;
    assert_eq!(set.unwrap()[0].owner, owner);
    let actor = actor();
    let expired = || fixture.store.delete_expired_previews(&actor);
    assert_eq!(expired().await.unwrap(), []);
    fixture.advance(100);
    assert_eq!(
        fixture.store.list_previews(&function).await.unwrap().rows,
        []
    );
    let found = fixture.store.preview(&function, &name("pr-7")).await;
    assert!(matches!(
        found,
        Err(StoreError::NotFound {
            kind: Resource::Preview,
            ..
        })
    ));
    // Servers of a shared database wait for those whose clocks are behind.
    fixture.advance(600);
    assert_eq!(expired().await.unwrap()[0].id, first.id);
    assert_eq!(fixture.count("SELECT count(*) FROM secrets").await, 0);
    // A slow deploy to a preview that was deleted meanwhile changes nothing.
    let new = NewDeployment {
        preview: Some(terms(&fixture, first.id)),
        ..deployment("mi-funcion", "late")
    };
    let late = fixture.store.deploy(&actor, new, first_token).await;
    assert!(matches!(late, Err(StoreError::NotFound { .. })), "{late:?}");
    assert_eq!(fixture.count("SELECT count(*) FROM deployments").await, 1);
    // An expired preview that is not deleted yet does not block its name.
    let second = create(&fixture, &function, "pr-7").await.unwrap();
    fixture.advance(100);
    let third = create(&fixture, &function, "pr-7").await.unwrap();
    assert_ne!(second.id, third.id);
    let entries = fixture.store.audit(None, 100).await.unwrap().items;
    let actions: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).collect();
    for action in ["preview.create", "preview.expire", "preview.secret.set"] {
        assert!(actions.contains(&action), "{actions:?}");
    }
}

#[tokio::test]
async fn deployments_of_previews_take_no_room_of_live_ones() {
    let fixture = Fixture::new().await;
    let mut live = Vec::new();
    for version in ["v1", "v2"] {
        live.push(deploy(&fixture, version, None).await);
    }
    let function = live[0].function.id.clone();
    let kept = create(&fixture, &function, "kept").await.unwrap();
    let of_preview = deploy(&fixture, "p0", Some(&kept.id)).await;
    let busy = create(&fixture, &function, "busy").await.unwrap();
    for number in 1..6 {
        deploy(&fixture, &format!("p{number}"), Some(&busy.id)).await;
    }
    let store = &fixture.store;
    let listed = store.list_deployments(&function).await.unwrap().rows;
    let ids: Vec<_> = listed.iter().map(|one| &one.id).collect();
    for expected in [&live[0], &live[1], &of_preview] {
        assert!(ids.contains(&&expected.deployment.id));
    }
    // Two deployments that were never live, and the deployment of a preview.
    assert_eq!(listed.iter().filter(|one| !one.was_live).count(), 3);
    // A rollback never selects them, and refuses them by id.
    let plan = store
        .plan_rollback(&function, None, ActivationKind::Rollback)
        .await;
    assert_eq!(plan.unwrap().target.id, live[0].deployment.id);
    let wanted = Some(&of_preview.deployment.id);
    let plan = store
        .plan_rollback(&function, wanted, ActivationKind::Rollback)
        .await;
    assert!(matches!(plan, Err(StoreError::Conflict { .. })), "{plan:?}");
    // A promotion does not change the health of the replaced deployment.
    let actor = actor();
    let promoted = store.rollback(&actor, &function, wanted, ActivationKind::Promote, None);
    assert!(promoted.await.unwrap().deployment.was_live);
    let back = store
        .plan_rollback(&function, None, ActivationKind::Rollback)
        .await;
    assert_eq!(back.unwrap().target.id, live[1].deployment.id);
    store
        .delete_function(&actor, &slug("mi-funcion"))
        .await
        .unwrap();
    assert_eq!(fixture.count("SELECT count(*) FROM previews").await, 0);
}
