use jelou_core::{AccessTokenId, Scope, Scopes};
use jelou_store::{NewAccessToken, Resource, RuntimeTokenKey, StoreError};

use crate::fixture::{Fixture, access_token, actor, prefix};

#[tokio::test]
async fn a_token_is_listed_as_it_was_created() {
    let fixture = Fixture::new().await;
    let new = NewAccessToken {
        scopes: Scopes::from_iter([Scope::FunctionsRead, Scope::FunctionsWrite]),
        expires_at: Some(fixture.clock.now() + jiff::SignedDuration::from_hours(1)),
        ..access_token("ci")
    };
    let created = fixture
        .store
        .create_access_token(&actor(), new.clone())
        .await
        .unwrap();
    assert_eq!(created.scopes, new.scopes);
    assert!(created.is_active(fixture.clock.now()));
    assert!(!created.is_active(new.expires_at.unwrap()));
    assert_eq!(fixture.store.list_access_tokens().await.unwrap(), [created]);
}

#[tokio::test]
async fn names_are_unique_among_the_unrevoked() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let first = store
        .create_access_token(&actor(), access_token("ci"))
        .await
        .unwrap();
    let taken = store
        .create_access_token(&actor(), access_token("ci"))
        .await;
    assert!(
        matches!(taken, Err(StoreError::Conflict { ref message }) if message.contains("`ci`")),
        "{taken:?}"
    );
    store
        .revoke_access_token(&actor(), &first.id)
        .await
        .unwrap();
    store
        .create_access_token(&actor(), access_token("ci"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_revoked_token_is_gone() {
    let fixture = Fixture::new().await;
    let token = fixture
        .store
        .create_access_token(&actor(), access_token("ci"))
        .await
        .unwrap();
    fixture
        .store
        .revoke_access_token(&actor(), &token.id)
        .await
        .unwrap();
    assert_eq!(fixture.store.list_access_tokens().await.unwrap(), []);
    assert_eq!(
        fixture
            .store
            .snapshot::<Vec<RuntimeTokenKey>>()
            .await
            .unwrap()
            .access_tokens,
        []
    );
    for id in [token.id, AccessTokenId::generate()] {
        let answer = fixture.store.revoke_access_token(&actor(), &id).await;
        assert!(
            matches!(
                answer,
                Err(StoreError::NotFound {
                    kind: Resource::AccessToken,
                    ..
                })
            ),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn references_work_as_for_runtime_tokens() {
    let fixture = Fixture::new().await;
    let new = NewAccessToken {
        prefix: prefix("jfn_pat_abc1"),
        ..access_token("ci")
    };
    let token = fixture
        .store
        .create_access_token(&actor(), new)
        .await
        .unwrap();
    for reference in [token.id.as_str(), "ci", "jfn_pat_abc1", "jfn_pat_abc1.."] {
        let found = fixture.store.resolve_access_token(reference).await.unwrap();
        assert_eq!(found.id, token.id);
    }
    let missing = fixture
        .store
        .resolve_access_token("nadie")
        .await
        .unwrap_err();
    assert_eq!(missing.to_string(), "there is no access token `nadie`");
}

#[tokio::test]
async fn the_first_one_is_made_only_when_there_has_never_been_any() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    assert!(!store.has_access_tokens().await.unwrap());
    let first = store
        .bootstrap_access_token(access_token("admin"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(first.created_by, "system");
    assert!(store.has_access_tokens().await.unwrap());
    let entry = store.audit(None, 1).await.unwrap().items.remove(0);
    assert_eq!(
        (entry.actor.as_str(), entry.action.as_str()),
        ("system", "access_token.create")
    );

    store
        .revoke_access_token(&first.actor(), &first.id)
        .await
        .unwrap();
    assert!(store.has_access_tokens().await.unwrap());
    let second = store
        .bootstrap_access_token(access_token("admin"))
        .await
        .unwrap();
    assert_eq!(second, None);
    assert_eq!(store.list_access_tokens().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_servers_that_start_at_once_make_one() {
    let fixture = Fixture::new().await;
    let other = fixture.open_again().await;
    let (one, two) = tokio::join!(
        fixture.store.bootstrap_access_token(access_token("admin")),
        other.bootstrap_access_token(access_token("admin")),
    );
    assert_eq!(
        [one.unwrap().is_some(), two.unwrap().is_some()]
            .iter()
            .filter(|made| **made)
            .count(),
        1
    );
}
