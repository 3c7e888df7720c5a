//! Secrets: all-or-nothing changes, limits, owners.

use jelou_core::FunctionId;
use jelou_core::secret_key::{MAX_SECRET_VALUE_BYTES, MAX_SECRETS_PER_FUNCTION};
use jelou_store::{Actor, Resource, SecretOwner, StoreError};

use crate::fixture::{Fixture, actor, secret, secret_key};

async fn function(fixture: &Fixture) -> SecretOwner {
    SecretOwner::Function(fixture.function("mi-funcion").await.id)
}

async fn values(fixture: &Fixture, owner: &SecretOwner) -> Vec<(String, String)> {
    let sealed = fixture.store.sealed_secrets(owner).await.unwrap();
    sealed
        .iter()
        .map(|secret| {
            let value = fixture
                .store
                .vault()
                .unseal(&secret.owner, &secret.key, &secret.sealed)
                .unwrap();
            (secret.key.to_string(), value.to_string())
        })
        .collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test]
async fn each_owner_has_its_own() {
    let fixture = Fixture::new().await;
    let owner = function(&fixture).await;
    fixture
        .store
        .set_secrets(
            &actor(),
            &owner,
            vec![secret("B", "2"), secret("A", "ñ\n= 1")],
        )
        .await
        .unwrap();
    fixture.set(&SecretOwner::Organisation, "A", "other").await;

    assert_eq!(
        values(&fixture, &owner).await,
        pairs(&[("A", "ñ\n= 1"), ("B", "2")])
    );
    assert_eq!(
        values(&fixture, &SecretOwner::Organisation).await,
        pairs(&[("A", "other")])
    );
}

#[tokio::test]
async fn setting_replaces_and_leaves_the_others() {
    let fixture = Fixture::new().await;
    let owner = function(&fixture).await;
    fixture.set(&owner, "A", "old").await;
    fixture.set(&owner, "B", "kept").await;
    fixture.advance(60);
    let other = Actor {
        name: "ci".to_owned(),
        ..actor()
    };
    fixture
        .store
        .set_secrets(&other, &owner, vec![secret("A", "")])
        .await
        .unwrap();

    assert_eq!(
        values(&fixture, &owner).await,
        pairs(&[("A", ""), ("B", "kept")])
    );
    let listed = fixture.store.list_secrets(&owner).await.unwrap().rows;
    assert_eq!(listed[0].updated_by, "ci");
    assert_eq!(listed[0].updated_at, fixture.clock.now());
    assert_eq!(listed[1].updated_by, "laptop");
}

#[tokio::test]
async fn the_number_is_limited() {
    let fixture = Fixture::new().await;
    let owner = function(&fixture).await;
    let all = (0..MAX_SECRETS_PER_FUNCTION)
        .map(|n| secret(&format!("K{n}"), "x"))
        .collect();
    fixture
        .store
        .set_secrets(&actor(), &owner, all)
        .await
        .unwrap();
    // A new value of an existing secret does not count towards the limit.
    fixture.set(&owner, "K0", "y").await;

    let revision = fixture.store.revision().await.unwrap();
    let error = fixture
        .store
        .set_secrets(
            &actor(),
            &owner,
            vec![secret("K1", "z"), secret("MORE", "x")],
        )
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::TooManySecrets {
                count: 101,
                limit: 100
            }
        ),
        "{error:?}"
    );
    assert_eq!(fixture.store.revision().await.unwrap(), revision);
    assert!(
        values(&fixture, &owner)
            .await
            .contains(&("K1".to_owned(), "x".to_owned()))
    );
}

#[tokio::test]
async fn the_size_is_limited() {
    let fixture = Fixture::new().await;
    let owner = function(&fixture).await;
    let largest = "x".repeat(MAX_SECRET_VALUE_BYTES);
    fixture.set(&owner, "A", &largest).await;
    assert_eq!(values(&fixture, &owner).await[0].1, largest);

    let error = fixture
        .store
        .set_secrets(
            &actor(),
            &owner,
            vec![secret("B", "fits"), secret("C", &format!("{largest}x"))],
        )
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the value of `C` is 65537 bytes; the limit is 65536 bytes (64 KB)"
    );
    assert_eq!(
        fixture.store.list_secrets(&owner).await.unwrap().rows.len(),
        1
    );
}

#[tokio::test]
async fn a_deleted_secret_is_gone() {
    let fixture = Fixture::new().await;
    let owner = function(&fixture).await;
    fixture.set(&owner, "A", "1").await;
    fixture.set(&SecretOwner::Organisation, "A", "1").await;
    let key = secret_key("A");
    fixture
        .store
        .delete_secret(&actor(), &owner, &key)
        .await
        .unwrap();
    assert_eq!(fixture.store.list_secrets(&owner).await.unwrap().rows, []);
    assert_eq!(
        fixture
            .store
            .list_secrets(&SecretOwner::Organisation)
            .await
            .unwrap()
            .rows
            .len(),
        1
    );
    let again = fixture.store.delete_secret(&actor(), &owner, &key).await;
    assert!(
        matches!(
            again,
            Err(StoreError::NotFound {
                kind: Resource::Secret,
                ..
            })
        ),
        "{again:?}"
    );
}

#[tokio::test]
async fn a_function_that_is_not_there_gets_no_secret() {
    let fixture = Fixture::new().await;
    let owner = SecretOwner::Function(FunctionId::generate());
    let answer = fixture
        .store
        .set_secrets(&actor(), &owner, vec![secret("A", "1")])
        .await;
    assert!(
        matches!(
            answer,
            Err(StoreError::NotFound {
                kind: Resource::Function,
                ..
            })
        ),
        "{answer:?}"
    );
    assert_eq!(fixture.count("SELECT count(*) FROM secrets").await, 0);
}

#[tokio::test]
async fn setting_none_is_no_change() {
    let fixture = Fixture::new().await;
    let owner = function(&fixture).await;
    let revision = fixture.store.revision().await.unwrap();
    fixture
        .store
        .set_secrets(&actor(), &owner, Vec::new())
        .await
        .unwrap();
    assert_eq!(fixture.store.revision().await.unwrap(), revision);
}
