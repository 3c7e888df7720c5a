//! The local copy has the same state as the database. A changed copy is refused.

use jelou_core::{TokenLabels, TokenPolicy};
use jelou_store::{
    LocalCopyError, OldValue, Rotation, RuntimeTokenCredential, SecretOwner, Snapshot, Vault,
    VaultError, open_local_copy,
};
use jelou_token::RuntimeToken;
use jiff::{SignedDuration, Timestamp};

use crate::fixture::{Fixture, access_token, actor, deployment, first_token, runtime_token, start};

const ORIGIN: &str = "1.2.3 of db.internal:5432/jelou";

type State = Snapshot<Vec<RuntimeTokenCredential>>;

fn read(
    vault: &Vault,
    state: &[u8],
    seen: Option<&[u8]>,
) -> Result<(State, Timestamp), LocalCopyError> {
    open_local_copy(vault, ORIGIN, state, seen)
}

/// A store with at least one row of each kind.
async fn filled() -> Fixture {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let deployed = store
        .deploy(&actor(), deployment("b", "v1"), first_token)
        .await
        .unwrap();
    let function = deployed.function.id;
    fixture.function("a").await;
    let mut limited = runtime_token("limited");
    limited.policy = TokenPolicy {
        rate: Some("100/m".parse().unwrap()),
        ..TokenPolicy::default()
    };
    limited.labels = TokenLabels::default();
    limited.expires_at = Some(start() + SignedDuration::from_hours(1));
    let limited = store.create_token(&actor(), &function, limited).await;
    let limited = limited.unwrap();
    let new = RuntimeToken::mint().unwrap();
    let rotation = Rotation {
        hash: new.hash(),
        prefix: new.display_prefix(),
        valid_until: start() + SignedDuration::from_mins(5),
        old: OldValue::Current,
    };
    store
        .rotate_token(&actor(), &function, &limited.id, rotation)
        .await
        .unwrap();
    store
        .create_access_token(&actor(), access_token("ci"))
        .await
        .unwrap();
    fixture
        .set(&SecretOwner::Function(function), "CLAVE", "un secreto")
        .await;
    fixture
        .set(&SecretOwner::Organisation, "COMUN", "otro secreto")
        .await;
    fixture
}

#[tokio::test]
async fn it_is_the_state_of_the_database() {
    let fixture = filled().await;
    let store = &fixture.store;
    let sealed = store.seal_state(ORIGIN).await.unwrap();
    let (copied, at) = read(store.vault(), &sealed.bytes, None).unwrap();
    assert_eq!(copied, store.snapshot().await.unwrap());
    assert_eq!(copied.position, sealed.position);
    assert_eq!(at, start());
    for plain in ["un secreto", "limited", "saludar"] {
        let text = String::from_utf8_lossy(&sealed.bytes);
        assert!(!text.contains(plain), "{plain}");
    }

    let later = start() + SignedDuration::from_hours(20);
    let seen = store.seal_seen(sealed.position, later).unwrap();
    let (_, at) = read(store.vault(), &sealed.bytes, Some(&seen)).unwrap();
    assert_eq!(at, later);
    // A note about another state has no effect.
    fixture.function("c").await;
    let other = store.position().await.unwrap();
    let other = store.seal_seen(other, later).unwrap();
    let (_, at) = read(store.vault(), &sealed.bytes, Some(&other)).unwrap();
    assert_eq!(at, start());
}

#[tokio::test]
async fn a_changed_copy_and_one_of_another_key_or_origin_are_refused() {
    let fixture = filled().await;
    let store = &fixture.store;
    let vault = store.vault();
    let sealed = store.seal_state(ORIGIN).await.unwrap();
    let seen = store.seal_seen(sealed.position, start()).unwrap();
    let state = &sealed.bytes;
    let is_form = |read: Result<_, LocalCopyError>| matches!(read, Err(LocalCopyError::Form));
    for at in [0, 8, 40, state.len() / 2, state.len() - 1] {
        let mut changed = state.clone();
        changed[at] ^= 1;
        assert!(read(vault, &changed, None).is_err(), "byte {at}");
    }
    assert!(is_form(read(vault, &state[..state.len() - 1], None)));
    assert!(is_form(read(vault, &[], None)));
    // Neither part is accepted in the place of the other.
    assert!(is_form(read(vault, &seen, None)));
    assert!(is_form(read(vault, state, Some(state))));
    for other in [
        "1.2.4 of db.internal:5432/jelou",
        "1.2.3 of db.internal:5432/other",
    ] {
        let read = open_local_copy::<Vec<_>>(vault, other, state, None);
        assert!(matches!(read, Err(LocalCopyError::Form)), "{other}");
    }
    let other = Vault::from_master_key(&"ab".repeat(32)).unwrap();
    let other_key = read(&other, state, None);
    assert!(matches!(
        other_key,
        Err(LocalCopyError::Vault(VaultError::UnknownKey { .. }))
    ));
}
