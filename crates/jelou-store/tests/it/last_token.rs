//! "Each function has at least one active token."

use jelou_core::TokenId;
use jelou_store::{FunctionRecord, LastTokenRule, NewRuntimeToken, RuntimeTokenRecord, StoreError};

use crate::fixture::{Fixture, actor, runtime_token};

async fn revoke(
    fixture: &Fixture,
    function: &FunctionRecord,
    id: &TokenId,
    rule: LastTokenRule,
) -> Result<RuntimeTokenRecord, StoreError> {
    fixture
        .store
        .revoke_token(&actor(), &function.id, id, rule)
        .await
}

async fn expiring(fixture: &Fixture, function: &FunctionRecord, name: &str) -> RuntimeTokenRecord {
    let new = NewRuntimeToken {
        expires_at: Some(fixture.clock.now() + jiff::SignedDuration::from_secs(60)),
        ..runtime_token(name)
    };
    fixture
        .store
        .create_token(&actor(), &function.id, new)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_last_one_stays_unless_forced() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let other = fixture.function("otra").await;
    fixture.token(&other.id, "default").await;
    let first = fixture.token(&function.id, "default").await;
    let second = fixture.token(&function.id, "ci").await;

    revoke(&fixture, &function, &first.id, LastTokenRule::Enforced)
        .await
        .unwrap();
    let revision = fixture.store.revision().await.unwrap();
    let refused = revoke(&fixture, &function, &second.id, LastTokenRule::Enforced)
        .await
        .unwrap_err();
    assert!(matches!(refused, StoreError::LastToken { .. }));
    assert_eq!(
        refused.to_string(),
        "`ci` is the last active token of `mi-funcion`"
    );
    assert_eq!(fixture.store.revision().await.unwrap(), revision);

    revoke(&fixture, &function, &second.id, LastTokenRule::Waived)
        .await
        .unwrap();
    assert_eq!(
        fixture.store.list_tokens(&function.id).await.unwrap().rows,
        []
    );
}

#[tokio::test]
async fn an_expired_one_does_not_count() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let lasting = fixture.token(&function.id, "default").await;
    let expiring = expiring(&fixture, &function, "short").await;

    // At the exact moment of expiry, the token is already invalid.
    fixture.advance(60);
    let refused = revoke(&fixture, &function, &lasting.id, LastTokenRule::Enforced).await;
    assert!(
        matches!(refused, Err(StoreError::LastToken { .. })),
        "{refused:?}"
    );
    revoke(&fixture, &function, &expiring.id, LastTokenRule::Enforced)
        .await
        .unwrap();
}

#[tokio::test]
async fn one_that_has_yet_to_expire_counts() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let lasting = fixture.token(&function.id, "default").await;
    expiring(&fixture, &function, "short").await;
    fixture.advance(59);
    revoke(&fixture, &function, &lasting.id, LastTokenRule::Enforced)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_disabled_one_does_not_count() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let enabled = fixture.token(&function.id, "default").await;
    let disabled = fixture.token(&function.id, "off").await;
    fixture
        .execute("UPDATE runtime_tokens SET disabled_at = 1 WHERE name = 'off'")
        .await;

    let refused = revoke(&fixture, &function, &enabled.id, LastTokenRule::Enforced).await;
    assert!(
        matches!(refused, Err(StoreError::LastToken { .. })),
        "{refused:?}"
    );
    revoke(&fixture, &function, &disabled.id, LastTokenRule::Enforced)
        .await
        .unwrap();
}

#[tokio::test]
async fn with_none_active_the_rest_can_go() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let only = expiring(&fixture, &function, "short").await;
    fixture.advance(61);
    revoke(&fixture, &function, &only.id, LastTokenRule::Enforced)
        .await
        .unwrap();
}
