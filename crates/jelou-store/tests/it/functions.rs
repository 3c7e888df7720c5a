//! Functions: creation, lists, deletion.

use jelou_store::{LastTokenRule, Resource, RuntimeTokenCredential, SecretOwner, StoreError};

use crate::fixture::{Fixture, actor, deployment, first_token, slug};

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
        fixture
            .store
            .function(&slug("mi-funcion"))
            .await
            .unwrap()
            .record,
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
    let functions = fixture.store.list_functions().await.unwrap().rows;
    let slugs: Vec<&str> = functions.iter().map(|f| f.record.slug.as_str()).collect();
    assert_eq!(slugs, ["a", "b", "c"]);
}

#[tokio::test]
async fn one_that_is_not_there_is_named() {
    let fixture = Fixture::new().await;
    for answer in [
        fixture.store.function(&slug("nadie")).await.map(drop),
        fixture.store.function_id(&slug("nadie")).await.map(drop),
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
        .deploy(&actor(), deployment("mine", "shared"), first_token)
        .await
        .unwrap();
    store
        .deploy(&actor(), deployment("mine", "own"), first_token)
        .await
        .unwrap();
    store
        .deploy(&actor(), deployment("other", "shared"), first_token)
        .await
        .unwrap();
    let owner = SecretOwner::Function(mine.function.id.clone());
    fixture.set(&owner, "A", "1").await;
    fixture.set(&SecretOwner::Organisation, "B", "2").await;

    let deleted = store
        .delete_function(&actor(), &slug("mine"))
        .await
        .unwrap();
    assert_eq!(deleted.id, mine.function.id);
    // The other function still uses the shared artifact.
    assert!(store.artifact(mine.deployment.artifact_hash).await.is_ok());
    assert_eq!(fixture.count("SELECT count(*) FROM artifacts").await, 1);
    assert_eq!(
        fixture.count("SELECT count(*) FROM runtime_tokens").await,
        1
    );

    let snapshot = store
        .snapshot::<Vec<RuntimeTokenCredential>>()
        .await
        .unwrap();
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

    // The slug is free again, and the new function has no data of the old function.
    let again = store
        .deploy(&actor(), deployment("mine", "new"), first_token)
        .await
        .unwrap();
    assert_ne!(again.function.id, mine.function.id);
    assert!(again.token.is_some());
}

#[tokio::test]
async fn a_list_counts_unrevoked_tokens_and_own_secrets() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let busy = fixture.function("busy").await;
    let idle = fixture.function("idle").await;
    let revoked = fixture.token(&busy.id, "revoked").await;
    for name in ["a", "b"] {
        fixture.token(&busy.id, name).await;
    }
    fixture.token(&idle.id, "a").await;
    store
        .revoke_token(&actor(), &busy.id, &revoked.id, LastTokenRule::Enforced)
        .await
        .unwrap();
    let owner = SecretOwner::Function(busy.id.clone());
    for key in ["A", "B", "C"] {
        fixture.set(&owner, key, "1").await;
    }
    fixture.set(&SecretOwner::Organisation, "D", "1").await;

    let listed = store.list_functions().await.unwrap().rows;
    let counts: Vec<_> = listed.iter().map(|f| (f.tokens, f.secrets)).collect();
    assert_eq!(counts, [(2, 3), (1, 0)]);
    for function in listed {
        assert_eq!(
            store.function(&function.record.slug).await.unwrap(),
            function
        );
        assert_eq!(
            store.function_id(&function.record.slug).await.unwrap(),
            function.record.id
        );
    }
}
