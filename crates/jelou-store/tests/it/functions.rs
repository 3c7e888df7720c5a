use jelou_store::{Resource, RuntimeTokenKey, SecretOwner, StoreError};

use crate::fixture::{Fixture, actor, deployment, slug};

#[tokio::test]
async fn a_function_is_created_once() {
    let fixture = Fixture::new().await;
    let created = fixture
        .store
        .create_function(&actor(), &slug("mi-funcion"), Some("Mi función"))
        .await
        .unwrap();
    assert_eq!(created.live, None);
    assert_eq!(
        fixture.store.function(&slug("mi-funcion")).await.unwrap(),
        created
    );

    let again = fixture
        .store
        .create_function(&actor(), &slug("mi-funcion"), None)
        .await;
    assert!(
        matches!(again, Err(StoreError::Conflict { ref message }) if message.contains("`mi-funcion`")),
        "{again:?}"
    );
    assert_eq!(fixture.store.revision().await.unwrap(), 1);
}

#[tokio::test]
async fn functions_are_listed_by_slug() {
    let fixture = Fixture::new().await;
    for name in ["b", "c", "a"] {
        fixture.function(name).await;
    }
    let functions = fixture.store.list_functions().await.unwrap();
    let slugs: Vec<&str> = functions.iter().map(|f| f.slug.as_str()).collect();
    assert_eq!(slugs, ["a", "b", "c"]);
}

#[tokio::test]
async fn one_that_is_not_there_is_named() {
    let fixture = Fixture::new().await;
    for answer in [
        fixture.store.function(&slug("nadie")).await.map(drop),
        fixture
            .store
            .delete_function(&actor(), &slug("nadie"))
            .await
            .map(drop),
    ] {
        let error = answer.unwrap_err();
        assert!(matches!(
            error,
            StoreError::NotFound {
                kind: Resource::Function,
                ..
            }
        ));
        assert_eq!(error.to_string(), "there is no function `nadie`");
    }
}

#[tokio::test]
async fn a_deleted_function_takes_everything_but_its_audit_trail() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let mine = store
        .deploy(&actor(), deployment("mine", "shared"))
        .await
        .unwrap();
    store
        .deploy(&actor(), deployment("mine", "own"))
        .await
        .unwrap();
    store
        .deploy(&actor(), deployment("other", "shared"))
        .await
        .unwrap();
    let owner = SecretOwner::Function(mine.function.id.clone());
    fixture.set(&owner, "A", "1").await;
    fixture.set(&SecretOwner::Organisation, "B", "2").await;

    let deleted = store
        .delete_function(&actor(), &slug("mine"))
        .await
        .unwrap();
    assert_eq!(deleted.function.id, mine.function.id);
    assert_eq!(deleted.tokens, [mine.token.unwrap().id]);
    assert_eq!(deleted.secrets, 1);
    assert_eq!(deleted.deployments.len(), 2);
    // The other function still uses the shared one.
    assert_eq!(
        deleted.artifacts,
        [deleted.function.live.as_ref().unwrap().artifact_hash]
    );
    assert!(store.artifact(mine.deployment.artifact_hash).await.is_ok());

    let snapshot = store.snapshot::<Vec<RuntimeTokenKey>>().await.unwrap();
    assert_eq!(snapshot.functions.len(), 1);
    assert_eq!(snapshot.runtime_tokens.len(), 1);
    assert_eq!(snapshot.secrets.len(), 1);
    assert_eq!(fixture.count("SELECT count(*) FROM deployments").await, 1);
    let trail = store.audit(None, 100).await.unwrap().items;
    assert_eq!(trail[0].action, "function.delete");
    assert!(
        trail.iter().any(|entry| entry.action == "deployment.create"
            && entry.function.as_deref() == Some("mine"))
    );

    // The slug is free, and nothing of the old function comes back.
    let again = store
        .deploy(&actor(), deployment("mine", "new"))
        .await
        .unwrap();
    assert_ne!(again.function.id, mine.function.id);
    assert!(again.token.is_some());
}
