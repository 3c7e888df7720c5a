//! Rotations, and changes of a token.

use jelou_core::api::{Patch, UpdateToken};
use jelou_store::{
    LastTokenRule, OldValue, Rotation, RuntimeTokenCredential, RuntimeTokenRecord, StoreError,
};
use jelou_token::RuntimeToken;
use jiff::SignedDuration;

use crate::fixture::{Fixture, actor, token_name};

async fn actions(fixture: &Fixture) -> Vec<String> {
    let page = fixture.store.audit(None, 100).await.unwrap();
    page.items
        .into_iter()
        .map(|entry| format!("{} {}", entry.action, entry.detail.unwrap_or_default()))
        .collect()
}

async fn rotate(fixture: &Fixture, token: &RuntimeTokenRecord, grace: i64) -> RuntimeTokenRecord {
    let value = RuntimeToken::mint().unwrap();
    let until = fixture.clock.now() + SignedDuration::from_secs(grace);
    let rotated = fixture
        .store
        .rotate_token(
            &actor(),
            &token.function_id,
            &token.id,
            Rotation {
                hash: value.hash(),
                prefix: value.display_prefix(),
                valid_until: until,
                old: OldValue::Current,
            },
        )
        .await
        .unwrap();
    assert_eq!(rotated.former, *token);
    assert_eq!(rotated.token.hash, value.hash());
    rotated.token
}

async fn stored(fixture: &Fixture, token: &RuntimeTokenRecord) -> RuntimeTokenRecord {
    fixture
        .store
        .resolve_token(&token.function_id, token.id.as_str())
        .await
        .unwrap()
}

async fn update(
    fixture: &Fixture,
    token: &RuntimeTokenRecord,
    update: UpdateToken,
) -> Result<RuntimeTokenRecord, StoreError> {
    let (function, rule) = (&token.function_id, LastTokenRule::Enforced);
    fixture
        .store
        .update_token(&actor(), function, &token.id, update, rule)
        .await
}

fn disabled(disabled: bool) -> UpdateToken {
    UpdateToken {
        disabled: Some(disabled),
        ..UpdateToken::default()
    }
}

#[tokio::test]
async fn a_rotation_keeps_everything_but_the_value() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let first = fixture.token(&function.id, "ci").await;
    let uses = [(first.id.clone(), 5_000)];
    let store = &fixture.store;
    store.record_last_used(&uses).await.unwrap();
    store.record_value_last_used(&uses).await.unwrap();
    let first = stored(&fixture, &first).await;

    let second = rotate(&fixture, &first, 60).await;
    let previous = second.previous.clone().unwrap();
    assert_eq!((previous.hash, previous.prefix), (first.hash, first.prefix));
    assert_eq!(previous.last_used_at, first.last_used_at);
    assert_eq!(stored(&fixture, &second).await, second);
    let snapshot = fixture
        .store
        .snapshot::<Vec<RuntimeTokenCredential>>()
        .await
        .unwrap();
    assert_eq!(snapshot.runtime_tokens, [(&second).into()]);

    fixture
        .store
        .record_previous_last_used(&[(first.id.clone(), 9_000)])
        .await
        .unwrap();
    let previous = stored(&fixture, &second).await.previous.unwrap();
    assert_eq!(previous.last_used_at.unwrap().as_millisecond(), 9_000);

    // Only the value before a rotation is kept.
    let second = stored(&fixture, &second).await;
    let third = rotate(&fixture, &second, 0).await;
    assert_eq!(third.previous.as_ref().unwrap().hash, second.hash);
    let finish = fixture
        .store
        .finish_rotation(&actor(), &function.id, &third.id)
        .await;
    assert!(matches!(finish, Err(StoreError::Conflict { .. })));
}

#[tokio::test]
async fn a_finished_rotation_ends_the_old_value() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let token = fixture.token(&function.id, "ci").await;
    let rotated = rotate(&fixture, &token, 60).await;
    fixture.advance(1);
    let finished = fixture
        .store
        .finish_rotation(&actor(), &function.id, &token.id)
        .await
        .unwrap();
    let end = finished.previous.as_ref().unwrap().valid_until;
    assert_eq!(end, fixture.clock.now());
    assert_eq!(stored(&fixture, &rotated).await, finished);
    let trail = actions(&fixture).await;
    assert_eq!(trail[0], "token.rotate.finish ci");
    assert!(trail[1].starts_with("token.rotate ci, old value valid until "));
}

#[tokio::test]
async fn an_old_value_is_known_after_the_revocation() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    fixture.token(&function.id, "default").await;
    let token = fixture.token(&function.id, "ci").await;
    let rotated = rotate(&fixture, &token, 60).await;
    fixture
        .store
        .revoke_token(&actor(), &function.id, &token.id, LastTokenRule::Enforced)
        .await
        .unwrap();
    for hash in [token.hash, rotated.hash] {
        let revocation = fixture.store.revocation(&hash).await.unwrap().unwrap();
        let id = revocation.token;
        assert_eq!(id, token.id);
    }
}

#[tokio::test]
async fn an_update_changes_only_what_it_names() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let token = fixture.token(&function.id, "ci").await;
    let change: UpdateToken = serde_json::from_value(serde_json::json!({
        "scopes": ["mcp"], "rate": "5/s", "owner": "pagos", "tags": ["ci", "web"],
    }))
    .unwrap();
    let updated = update(&fixture, &token, change.clone()).await.unwrap();
    assert_eq!(updated.policy.rate, Some("5/s".parse().unwrap()));
    assert_eq!(updated.labels.owner, Some("pagos".parse().unwrap()));
    assert_eq!((updated.hash, &updated.name), (token.hash, &token.name));
    assert_eq!(stored(&fixture, &token).await, updated);
    assert_eq!(
        actions(&fixture).await[0],
        "token.update ci: scopes, rate, owner, tags"
    );

    // Repeating the change changes nothing.
    let revision = fixture.store.revision().await.unwrap();
    update(&fixture, &token, change).await.unwrap();
    assert_eq!(fixture.store.revision().await.unwrap(), revision);

    let change: UpdateToken =
        serde_json::from_str(r#"{"scopes":null,"rate":null,"tags":null,"name":"deploy"}"#).unwrap();
    let cleared = update(&fixture, &token, change).await.unwrap();
    assert!(cleared.policy.is_unlimited() && cleared.labels.tags.is_empty());
    assert_eq!(cleared.labels.owner, Some("pagos".parse().unwrap()));
    assert_eq!(cleared.name, token_name("deploy"));
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    fixture.token(&function.id, "default").await;
    let token = fixture.token(&function.id, "ci").await;
    let change = UpdateToken {
        name: Some(token_name("default")),
        ..UpdateToken::default()
    };
    let refused = update(&fixture, &token, change).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { .. }));
    assert_eq!(
        refused.to_string(),
        "`mi-funcion` has an unrevoked token `default` already"
    );
}

#[tokio::test]
async fn the_last_active_token_stays_enabled_and_unexpired() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let first = fixture.token(&function.id, "default").await;
    let second = fixture.token(&function.id, "ci").await;
    update(&fixture, &first, disabled(true)).await.unwrap();
    let past = UpdateToken {
        expires_at: Patch::Set(fixture.clock.now()),
        ..UpdateToken::default()
    };
    for change in [disabled(true), past] {
        let refused = update(&fixture, &second, change).await.unwrap_err();
        assert!(matches!(refused, StoreError::LastToken { .. }));
    }
    // A change that leaves an inactive token inactive does not violate the rule of the last token.
    let rename = UpdateToken {
        name: Some(token_name("old")),
        ..UpdateToken::default()
    };
    update(&fixture, &first, rename).await.unwrap();
    update(&fixture, &first, disabled(false)).await.unwrap();
    update(&fixture, &second, disabled(true)).await.unwrap();
    assert_eq!(
        actions(&fixture).await[..2],
        ["token.disable ci", "token.enable old"]
    );
}
