//! The memory of functions: scopes, limits, expiry.

use jelou_core::FunctionId;
use jelou_store::{MemoryLimits, MemoryOwner, StoreError};

use crate::fixture::{Fixture, actor, slug};

const LIMITS: MemoryLimits = MemoryLimits {
    entries: 3,
    value_bytes: 16,
};
const MINUTE_MS: i64 = 60_000;
const MARGIN_SECONDS: i64 = 600;

fn of<'a>(function: &'a FunctionId, scope: &'a str) -> MemoryOwner<'a> {
    MemoryOwner {
        function,
        preview: None,
        scope,
    }
}

async fn remember(fixture: &Fixture, owner: MemoryOwner<'_>, key: &str, value: &str) {
    let store = &fixture.store;
    store
        .remember(owner, key, value, MINUTE_MS, LIMITS)
        .await
        .unwrap();
}

async fn recall(fixture: &Fixture, owner: MemoryOwner<'_>, key: &str) -> Option<String> {
    fixture.store.recall(owner, key).await.unwrap()
}

#[tokio::test]
async fn a_value_is_kept_for_its_time() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await.id;
    let owner = of(&function, "user:7");
    assert_eq!(recall(&fixture, owner, "a").await, None);
    remember(&fixture, owner, "a", "1").await;
    fixture.advance(30);
    remember(&fixture, owner, "b", "2").await;
    remember(&fixture, owner, "b", "3").await;
    fixture.advance(29);
    assert_eq!(recall(&fixture, owner, "a").await.as_deref(), Some("1"));
    fixture.advance(1);
    assert_eq!(recall(&fixture, owner, "a").await, None);
    assert_eq!(recall(&fixture, owner, "b").await.as_deref(), Some("3"));

    fixture.store.forget(owner, "b").await.unwrap();
    fixture.store.forget(owner, "b").await.unwrap();
    assert_eq!(recall(&fixture, owner, "b").await, None);

    // Servers of a shared database wait for those whose clocks are behind.
    fixture.advance(MARGIN_SECONDS);
    remember(&fixture, owner, "c", "4").await;
    assert_eq!(fixture.count("SELECT count(*) FROM memory").await, 2);
    assert_eq!(fixture.store.sweep_memory().await.unwrap(), 1);
    assert_eq!(recall(&fixture, owner, "c").await.as_deref(), Some("4"));
}

#[tokio::test]
async fn functions_and_scopes_do_not_see_each_other() {
    let fixture = Fixture::new().await;
    let (one, other) = (
        fixture.function("one").await.id,
        fixture.function("other").await.id,
    );
    remember(&fixture, of(&one, "user:7"), "a", "mine").await;
    for stranger in [of(&one, ""), of(&one, "user:8"), of(&other, "user:7")] {
        assert_eq!(recall(&fixture, stranger, "a").await, None);
        fixture.store.forget(stranger, "a").await.unwrap();
    }
    let kept = recall(&fixture, of(&one, "user:7"), "a").await;
    assert_eq!(kept.as_deref(), Some("mine"));
}

#[tokio::test]
async fn the_limits_are_named() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await.id;
    for (scope, key) in [("user:7", "a"), ("user:8", "a"), ("", "a")] {
        remember(&fixture, of(&function, scope), key, "1").await;
    }
    let store = &fixture.store;
    let full = store
        .remember(of(&function, ""), "b", "1", MINUTE_MS, LIMITS)
        .await;
    let error = full.unwrap_err();
    assert!(matches!(error, StoreError::MemoryFull { limit: 3 }));
    assert!(error.to_string().contains("limits.max_memory_entries"));
    // Replacing a stored value is allowed, and expired values do not count.
    remember(&fixture, of(&function, ""), "a", "2").await;
    fixture.advance(60);
    remember(&fixture, of(&function, ""), "b", "1").await;

    let value = "x".repeat(17);
    let large = store
        .remember(of(&function, ""), "b", &value, MINUTE_MS, LIMITS)
        .await;
    let error = large.unwrap_err();
    let limit = StoreError::MemoryValueTooLarge {
        bytes: 17,
        limit: 16,
    };
    assert_eq!(error.to_string(), limit.to_string());
}

#[tokio::test]
async fn it_is_no_change_and_goes_with_its_function() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await.id;
    let other = fixture.function("other").await.id;
    let revision = fixture.store.revision().await.unwrap();
    remember(&fixture, of(&function, ""), "a", "1").await;
    remember(&fixture, of(&other, ""), "a", "1").await;
    assert_eq!(fixture.store.revision().await.unwrap(), revision);

    fixture
        .store
        .delete_function(&actor(), &slug("mi-funcion"))
        .await
        .unwrap();
    assert_eq!(recall(&fixture, of(&function, ""), "a").await, None);
    assert_eq!(fixture.count("SELECT count(*) FROM memory").await, 1);
}

#[tokio::test]
async fn it_outlives_the_server() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await.id;
    remember(&fixture, of(&function, ""), "a", "1").await;
    fixture.store.close().await.unwrap();
    let again = fixture.open_again().await;
    let kept = again.recall(of(&function, ""), "a").await.unwrap();
    assert_eq!(kept.as_deref(), Some("1"));
}
