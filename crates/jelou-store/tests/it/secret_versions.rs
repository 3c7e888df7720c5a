//! Versions of a secret, and rollbacks to them.

use jelou_store::{Resource, SecretOwner, StoreError};

use crate::fixture::{Fixture, actor, on_postgres, secret, secret_key};

async fn value(fixture: &Fixture, owner: &SecretOwner) -> String {
    let sealed = fixture.store.sealed_secrets(owner).await.unwrap();
    let one = &sealed[0];
    let vault = fixture.store.vault();
    let value = vault.unseal(&one.owner, &one.key, &one.sealed).unwrap();
    value.to_string()
}

async fn versions(fixture: &Fixture, owner: &SecretOwner) -> (u64, Vec<u64>) {
    let listed = fixture.store.list_secrets(owner).await.unwrap().rows;
    let earlier = listed[0].earlier.iter().map(|one| one.version);
    (listed[0].version, earlier.collect())
}

#[tokio::test]
async fn the_last_five_versions_are_kept_and_each_can_be_restored() {
    let fixture = Fixture::new().await;
    let owner = SecretOwner::Function(fixture.function("a").await.id);
    let (store, key) = (&fixture.store, &secret_key("A"));
    let by = &actor();
    for number in 1..=7 {
        fixture.set(&owner, "A", &format!("value {number}")).await;
    }
    assert_eq!(versions(&fixture, &owner).await, (7, vec![6, 5, 4, 3]));

    let rolled_back = store.rollback_secret(by, &owner, key, None).await.unwrap();
    assert_eq!(rolled_back, (8, 6));
    assert_eq!(value(&fixture, &owner).await, "value 6");
    // A rollback is a version too, so it can be undone.
    let rolled_back = store.rollback_secret(by, &owner, key, None).await.unwrap();
    assert_eq!(rolled_back, (9, 7));
    assert_eq!(value(&fixture, &owner).await, "value 7");
    let rolled_back = store
        .rollback_secret(by, &owner, key, Some(5))
        .await
        .unwrap();
    assert_eq!(rolled_back, (10, 5));
    assert_eq!(value(&fixture, &owner).await, "value 5");
    assert_eq!(versions(&fixture, &owner).await, (10, vec![9, 8, 7, 6]));

    let gone = store.rollback_secret(by, &owner, key, Some(1)).await;
    let message = gone.unwrap_err().to_string();
    assert!(
        message.contains("the versions that are kept are 9, 8, 7, 6"),
        "{message}"
    );
    let revision = store.revision().await.unwrap();
    let unknown = store
        .rollback_secret(by, &owner, &secret_key("B"), None)
        .await;
    assert!(matches!(
        unknown,
        Err(StoreError::NotFound {
            kind: Resource::Secret,
            ..
        })
    ));
    assert_eq!(store.revision().await.unwrap(), revision);
}

#[tokio::test]
async fn versions_go_with_their_secret_and_its_owner() {
    let fixture = Fixture::new().await;
    let owner = SecretOwner::Function(fixture.function("a").await.id);
    for value in ["1", "2", "3"] {
        fixture.set(&owner, "A", value).await;
        fixture.set(&SecretOwner::Organisation, "A", value).await;
    }
    let count = "SELECT count(*) FROM secret_versions";
    assert_eq!(fixture.count(count).await, 4);
    let key = secret_key("A");
    let organisation = SecretOwner::Organisation;
    fixture
        .store
        .delete_secret(&actor(), &organisation, &key)
        .await
        .unwrap();
    assert_eq!(fixture.count(count).await, 2);
    // A new secret with the key does not continue the versions of the old one.
    fixture.set(&organisation, "A", "new").await;
    assert_eq!(versions(&fixture, &organisation).await, (1, vec![]));
    let none = fixture
        .store
        .rollback_secret(&actor(), &organisation, &key, None)
        .await;
    assert!(none.unwrap_err().to_string().contains("no earlier version"));
    fixture
        .store
        .delete_function(&actor(), &"a".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(fixture.count(count).await, 0);
}

/// In the files of a database that was not closed, earlier values are encrypted.
#[tokio::test]
async fn earlier_values_are_encrypted() {
    if on_postgres() {
        return;
    }
    let fixture = Fixture::new().await;
    let owner = SecretOwner::Organisation;
    for value in ["correct-horse-battery-staple", "another"] {
        let set = vec![secret("A", value)];
        fixture
            .store
            .set_secrets(&actor(), &owner, set)
            .await
            .unwrap();
    }
    fixture.store.close().await.unwrap();
    let content = std::fs::read(fixture.database()).unwrap();
    let holds = |needle: &[u8]| content.windows(needle.len()).any(|window| window == needle);
    assert!(holds(b"organisation"));
    assert!(!holds(b"correct-horse-battery-staple"));
}
