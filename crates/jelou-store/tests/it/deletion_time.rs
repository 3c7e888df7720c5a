//! A wrong clock of one server deletes nothing that other servers still need.

use std::collections::BTreeMap;

use jelou_core::trust::{Conditions, Issuer};
use jelou_core::{AccessTokenId, FunctionId, PreviewId, Scopes};
use jelou_store::{
    Exchange, Exchanged, ExchangedToken, IdentityKey, KeySchedule, MemoryLimits, MemoryOwner,
    NewExchangedToken, NewPreview, PreviewTerms, QuotaUse, StoreError, TrustTerms,
};
use jelou_token::AccessToken;
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use crate::fixture::{Fixture, actor, on_postgres, token_name};

/// The longest margin for clocks that are behind.
const MARGIN: i64 = 600;
const SCHEDULE: KeySchedule = KeySchedule {
    period: SignedDuration::from_hours(30 * 24),
    kept: SignedDuration::from_hours(24),
};

/// Creates one row of each kind that expires. Each expires in 60 seconds.
async fn create(fixture: &Fixture) -> FunctionId {
    let store = &fixture.store;
    let function = fixture.function("hola").await.id;
    let ends = fixture.clock.now() + SignedDuration::from_secs(60);
    assert_eq!(exchange(fixture).await, Exchanged::Stored);
    let owner = MemoryOwner {
        function: &function,
        preview: None,
        scope: "",
    };
    let limits = MemoryLimits {
        entries: 10,
        value_bytes: 10,
    };
    let remembered = store.remember(owner, "a", "1", 60_000, limits);
    remembered.await.unwrap();
    let preview = NewPreview {
        function: function.clone(),
        name: "rama".parse().unwrap(),
        terms: PreviewTerms {
            id: PreviewId::generate(),
            with_secrets: false,
            header_only: true,
            expires_at: ends,
        },
        limit: 10,
    };
    store.create_preview(&actor(), preview).await.unwrap();
    function
}

/// Exchanges an identity token, always the same one.
async fn exchange(fixture: &Fixture) -> Exchanged {
    let store = &fixture.store;
    let policies = store.trust_policies().await.unwrap().rows;
    let policy = match policies.first() {
        Some(policy) => policy.clone(),
        None => {
            let terms = TrustTerms {
                issuer: Issuer::Other,
                issuer_url: "https://issuer.test".to_owned(),
                audience: "jelou".to_owned(),
                conditions: Conditions::default(),
                scopes: Some(Scopes::admin()),
                call: None,
            };
            let (actor, name) = (actor(), token_name("ci"));
            let created = store.create_trust(&actor, name, terms, BTreeMap::new());
            created.await.unwrap()
        }
    };
    let now = fixture.clock.now();
    let value = AccessToken::mint().unwrap();
    let ends = now + SignedDuration::from_secs(60);
    let exchange = Exchange {
        assertion: [7; 32],
        assertion_expires_at: ends,
        token: ExchangedToken {
            hash: value.hash(),
            prefix: value.display_prefix(),
            name: policy.name.clone(),
            policies: vec![policy.id.clone()],
            subject: "repo".to_owned(),
            created_at: now,
            expires_at: ends,
            new: NewExchangedToken::Access {
                id: AccessTokenId::generate(),
                scopes: Scopes::admin(),
            },
        },
        pins: Vec::new(),
    };
    store.exchange(&exchange).await.unwrap()
}

async fn keys(fixture: &Fixture) -> Vec<IdentityKey> {
    let generate = || {
        let id = FunctionId::generate().to_string();
        Ok::<_, StoreError>((id, Zeroizing::new(b"private".to_vec())))
    };
    let keys = fixture.store.rotate_identity_keys(SCHEDULE, generate);
    keys.await.unwrap()
}

async fn sweep(fixture: &Fixture) -> [usize; 3] {
    let store = &fixture.store;
    let exchanges = store.sweep_exchanges().await.unwrap().len();
    let values = store.sweep_memory().await.unwrap();
    let previews = store.delete_expired_previews(&actor()).await.unwrap();
    [exchanges, usize::try_from(values).unwrap(), previews.len()]
}

#[tokio::test]
async fn a_clock_that_is_ahead_deletes_nothing_of_a_shared_database() {
    if !on_postgres() {
        return;
    }
    let fixture = Fixture::new().await;
    fixture.clock.set(Timestamp::now());
    let function = create(&fixture).await;
    let before = keys(&fixture).await;
    assert_eq!(before.len(), 2);

    fixture.clock.set("2100-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(sweep(&fixture).await, [0, 0, 0]);
    assert_eq!(exchange(&fixture).await, Exchanged::Replayed);
    let after = keys(&fixture).await;
    let ids =
        |keys: &[IdentityKey]| -> Vec<String> { keys.iter().map(|key| key.id.clone()).collect() };
    assert_eq!(ids(&after), ids(&before));
    // A preview with the same name does not replace the one that others serve.
    let name = "rama".parse().unwrap();
    let again = NewPreview {
        function,
        name,
        terms: PreviewTerms {
            id: PreviewId::generate(),
            with_secrets: false,
            header_only: true,
            expires_at: fixture.clock.now() + SignedDuration::from_secs(60),
        },
        limit: 10,
    };
    let refused = fixture.store.create_preview(&actor(), again).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_has_expired_on_every_server_is_deleted() {
    let fixture = Fixture::new().await;
    create(&fixture).await;
    fixture.advance(60);
    // In a shared database, a server whose clock is behind may still need the rows.
    let at_once = usize::from(!on_postgres());
    assert_eq!(sweep(&fixture).await, [at_once; 3]);
    fixture.advance(MARGIN);
    assert_eq!(sweep(&fixture).await, [1 - at_once; 3]);
    assert_eq!(exchange(&fixture).await, Exchanged::Stored);
}

/// Only a later period replaces the stored one, so a period of the future would end the current one.
#[tokio::test]
async fn a_quota_period_of_the_future_is_not_stored_in_a_shared_database() {
    let fixture = Fixture::new().await;
    let function = fixture.function("hola").await.id;
    let token = fixture.token(&function, "ci").await.id;
    let add = async |start: Timestamp| {
        let used = QuotaUse {
            start_ms: start.as_millisecond(),
            calls: 1,
        };
        let sums = fixture.store.add_quotas(&[(token.clone(), used)]).await;
        sums.unwrap().len()
    };
    assert_eq!(add(Timestamp::now()).await, 1);
    let is_stored = usize::from(!on_postgres());
    let tomorrow = Timestamp::now() + SignedDuration::from_hours(24);
    assert_eq!(add(tomorrow).await, is_stored);
}
