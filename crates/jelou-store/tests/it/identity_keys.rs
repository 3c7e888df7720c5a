//! Keys that sign identity tokens: their order, their end, and their encryption.

use std::cell::Cell;

use jelou_store::{IdentityKey, KeySchedule, Store, StoreError, Vault, VaultError};
use jiff::SignedDuration;
use zeroize::Zeroizing;

use crate::fixture::{Fixture, on_postgres};

const SCHEDULE: KeySchedule = KeySchedule {
    period: SignedDuration::from_secs(100),
    kept: SignedDuration::from_secs(10),
};

/// Returns the ids of the store's keys. New keys are called `key 1`, `key 2` and so on.
async fn keys(fixture: &Fixture, created: &Cell<u32>) -> Vec<String> {
    let generate = || {
        created.set(created.get() + 1);
        let id = format!("key {}", created.get());
        let pkcs8 = Zeroizing::new(format!("private {id}").into_bytes());
        Ok::<_, StoreError>((id, pkcs8))
    };
    let keys = fixture
        .store
        .rotate_identity_keys(SCHEDULE, generate)
        .await
        .unwrap();
    let start = crate::fixture::start();
    let shown = |key: &IdentityKey| {
        assert_eq!(
            key.pkcs8.as_slice(),
            format!("private {}", key.id).as_bytes()
        );
        format!(
            "{} from {}",
            key.id,
            key.signs_from.duration_since(start).as_secs()
        )
    };
    keys.iter().map(shown).collect()
}

#[tokio::test]
async fn the_next_key_exists_before_it_signs_and_an_ended_one_stays_for_a_while() {
    let fixture = Fixture::new().await;
    let created = Cell::new(0);
    let first = ["key 1 from 0", "key 2 from 100"];
    assert_eq!(keys(&fixture, &created).await, first);
    fixture.advance(99);
    assert_eq!(keys(&fixture, &created).await, first);
    fixture.advance(1);
    let all = ["key 1 from 0", "key 2 from 100", "key 3 from 200"];
    assert_eq!(keys(&fixture, &created).await, all);
    fixture.advance(10);
    assert_eq!(keys(&fixture, &created).await, all);
    // Servers of a shared database wait for those whose clocks are behind.
    fixture.advance(1);
    let kept = if on_postgres() { &all[..] } else { &all[1..] };
    assert_eq!(keys(&fixture, &created).await, kept);
    // After a long time without signatures, the published key signs, and another key is published.
    fixture.advance(1_000);
    let late = ["key 3 from 200", "key 4 from 1211"];
    assert_eq!(keys(&fixture, &created).await, late);
    // The keys leave no entry in the audit trail.
    assert_eq!(fixture.store.revision().await.unwrap(), 0);
}

#[tokio::test]
async fn private_keys_are_encrypted_and_the_store_asks_for_their_master_key() {
    let fixture = Fixture::new().await;
    keys(&fixture, &Cell::new(0)).await;
    fixture.store.close().await.unwrap();
    if !on_postgres() {
        let content = std::fs::read(fixture.database()).unwrap();
        let holds = |needle: &[u8]| content.windows(needle.len()).any(|window| window == needle);
        assert!(holds(b"key 1"));
        assert!(!holds(b"private key"));
    }
    let other = Vault::from_master_key(&"0".repeat(64)).unwrap();
    let opened = Store::open(&fixture.config(), other, fixture.clock.clone()).await;
    assert!(matches!(
        opened,
        Err(StoreError::Vault(VaultError::OtherKey { .. }))
    ));
}
