//! Times of last use.

use jelou_core::{AccessTokenId, TokenId};

use crate::fixture::{Fixture, access_token, actor};

async fn used(fixture: &Fixture) -> Vec<Option<i64>> {
    sqlx::query_scalar("SELECT last_used_at FROM runtime_tokens ORDER BY created_at")
        .fetch_all(&mut fixture.connection().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn it_only_moves_forwards() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let a = fixture.token(&function.id, "a").await.id;
    fixture.advance(1);
    let b = fixture.token(&function.id, "b").await.id;
    assert_eq!(used(&fixture).await, [None, None]);

    let record =
        async |uses: &[(TokenId, i64)]| fixture.store.record_last_used(uses).await.unwrap();
    record(&[(a.clone(), 2_000), (b.clone(), 5_000)]).await;
    assert_eq!(used(&fixture).await, [Some(2_000), Some(5_000)]);
    // Batches may arrive late, and may contain a token twice.
    record(&[
        (a.clone(), 3_000),
        (a.clone(), 1_000),
        (b.clone(), 4_000),
        (TokenId::generate(), 9_000),
    ])
    .await;
    assert_eq!(used(&fixture).await, [Some(3_000), Some(5_000)]);
    record(&[]).await;
}

#[tokio::test]
async fn it_is_no_change() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let token = fixture.token(&function.id, "a").await;
    let access = fixture
        .store
        .create_access_token(&actor(), access_token("ci"))
        .await
        .unwrap();
    let revision = fixture.store.revision().await.unwrap();
    let entries = fixture.store.audit(None, 100).await.unwrap().items.len();

    fixture
        .store
        .record_last_used(&[(token.id, 2_000)])
        .await
        .unwrap();
    fixture
        .store
        .record_access_last_used(&[(access.id, 2_000), (AccessTokenId::generate(), 1)])
        .await
        .unwrap();

    assert_eq!(fixture.store.revision().await.unwrap(), revision);
    assert_eq!(
        fixture.store.audit(None, 100).await.unwrap().items.len(),
        entries
    );
    let listed = fixture.store.list_access_tokens().await.unwrap().rows;
    assert_eq!(listed[0].last_used_at.unwrap().as_millisecond(), 2_000);
}
