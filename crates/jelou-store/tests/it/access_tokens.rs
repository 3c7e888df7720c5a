//! Access tokens: creation, bootstrap, replacement, and the rule of the last administrator.

use std::time::Duration;

use jelou_core::{AccessTokenId, Scope, Scopes};
use jelou_store::{Actor, NewAccessToken, Resource, RuntimeTokenCredential, StoreError};
use jiff::SignedDuration;
use tokio::task::JoinSet;

use crate::fixture::{Fixture, access_token, actor, deployer_token, prefix};

#[tokio::test]
async fn a_token_is_listed_as_it_was_created() {
    let fixture = Fixture::new().await;
    let new = NewAccessToken {
        scopes: Scopes::from_iter([Scope::FunctionsRead, Scope::FunctionsWrite]),
        expires_at: Some(fixture.clock.now() + SignedDuration::from_hours(1)),
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
    assert_eq!(
        fixture.store.list_access_tokens().await.unwrap().rows,
        [created]
    );
}

#[tokio::test]
async fn names_are_unique_among_the_unrevoked() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let first = store
        .create_access_token(&actor(), deployer_token("ci"))
        .await
        .unwrap();
    let taken = store
        .create_access_token(&actor(), deployer_token("ci"))
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
        .create_access_token(&actor(), deployer_token("ci"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_revoked_token_is_gone() {
    let fixture = Fixture::new().await;
    let token = fixture
        .store
        .create_access_token(&actor(), deployer_token("ci"))
        .await
        .unwrap();
    fixture
        .store
        .revoke_access_token(&actor(), &token.id)
        .await
        .unwrap();
    assert_eq!(fixture.store.list_access_tokens().await.unwrap().rows, []);
    assert_eq!(
        fixture
            .store
            .snapshot::<Vec<RuntimeTokenCredential>>()
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
    let first = store
        .bootstrap_access_token(access_token("admin"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(first.created_by, "system");
    let entry = store.audit(None, 1).await.unwrap().items.remove(0);
    assert_eq!(
        (entry.actor.as_str(), entry.action.as_str()),
        ("system", "access_token.create")
    );

    // The same state as after revoking every token.
    fixture
        .execute("UPDATE access_tokens SET revoked_at = 1")
        .await;
    let second = store
        .bootstrap_access_token(access_token("admin"))
        .await
        .unwrap();
    assert_eq!(second, None);
    assert_eq!(store.list_access_tokens().await.unwrap().rows, []);
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

#[tokio::test]
async fn the_last_administrator_stays() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let create = async |new| store.create_access_token(&actor(), new).await.unwrap();
    let expiring = create(NewAccessToken {
        expires_at: Some(fixture.clock.now() + SignedDuration::from_secs(60)),
        ..access_token("expiring")
    })
    .await;
    let lasting = create(access_token("lasting")).await;
    let deployer = create(deployer_token("deployer")).await;

    // An expired token does not count as an administrator, and neither does a token with a narrower scope.
    fixture.advance(60);
    let refused = store.revoke_access_token(&actor(), &lasting.id).await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, StoreError::LastAdministrator { .. }));
    assert_eq!(
        refused.to_string(),
        "`lasting` is the last access token with the scope `admin`; create another one first"
    );
    for id in [&expiring.id, &deployer.id] {
        store.revoke_access_token(&actor(), id).await.unwrap();
    }
    create(access_token("other")).await;
    store
        .revoke_access_token(&actor(), &lasting.id)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn revoking_all_administrators_at_once_leaves_one() {
    let fixture = Fixture::with_busy_timeout(Duration::from_mins(1)).await;
    let other = fixture.open_again().await;
    let mut revokes = JoinSet::new();
    let mut ids = Vec::new();
    for n in 0..8 {
        let new = access_token(&format!("t{n}"));
        let token = fixture.store.create_access_token(&actor(), new).await;
        ids.push(token.unwrap().id);
    }
    for (n, id) in ids.into_iter().enumerate() {
        let store = if n % 2 == 0 { &fixture.store } else { &other }.clone();
        revokes.spawn(async move { store.revoke_access_token(&actor(), &id).await });
    }
    let answers = revokes.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 1);
    assert_eq!(
        fixture.store.list_access_tokens().await.unwrap().rows.len(),
        1
    );
}

#[tokio::test]
async fn a_replaced_token_is_revoked_in_the_same_change() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (first, replaced) = store
        .replace_access_token(&Actor::system(), access_token("local"))
        .await
        .unwrap();
    assert_eq!(replaced, None);
    // The only administrator can be replaced.
    let (second, replaced) = store
        .replace_access_token(&Actor::system(), access_token("local"))
        .await
        .unwrap();
    assert_eq!(replaced, Some(first));

    // The duplicate hash violates a constraint, after the old token was revoked in the same transaction.
    let taken = NewAccessToken {
        hash: second.hash,
        ..access_token("local")
    };
    let answer = store.replace_access_token(&Actor::system(), taken).await;
    answer.unwrap_err();
    assert_eq!(store.list_access_tokens().await.unwrap().rows, [second]);
}
