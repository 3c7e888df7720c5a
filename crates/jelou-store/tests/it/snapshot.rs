//! The snapshot contains the complete state.

use jelou_store::{RuntimeTokenCredential, SecretOwner};

use crate::fixture::{Fixture, access_token, actor, deployment, first_token};

#[tokio::test]
async fn an_empty_store_is_at_revision_zero() {
    let fixture = Fixture::new().await;
    let snapshot = fixture
        .store
        .snapshot::<Vec<RuntimeTokenCredential>>()
        .await
        .unwrap();
    assert_eq!(snapshot.position.revision, 0);
    assert_eq!(snapshot.functions, []);
}

#[tokio::test]
async fn it_holds_all_that_the_changes_returned() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let empty = fixture.function("a").await;
    let deployed = store
        .deploy(&actor(), deployment("b", "v1"), first_token)
        .await
        .unwrap();
    let access = store
        .create_access_token(&actor(), access_token("ci"))
        .await
        .unwrap();
    let owner = SecretOwner::Function(empty.id.clone());
    let secrets = store
        .set_secrets(&actor(), &owner, vec![crate::fixture::secret("A", "1")])
        .await
        .unwrap();

    let snapshot = store
        .snapshot::<Vec<RuntimeTokenCredential>>()
        .await
        .unwrap();
    assert_eq!(snapshot.functions, [empty, deployed.function]);
    assert_eq!(snapshot.runtime_tokens, [(&deployed.token.unwrap()).into()]);
    assert_eq!(snapshot.access_tokens, [access]);
    assert_eq!(snapshot.secrets, secrets);
    assert_eq!(snapshot.position.revision, store.revision().await.unwrap());
}
