//! Deploys: function, deployment, live pointer and first token.

use jelou_store::{
    DatabaseError, LastTokenRule, NewRuntimeToken, RuntimeTokenCredential, SecretOwner, StoreError,
};

use crate::fixture::{Fixture, actor, deployment, first_token, manifest, runtime_token, slug};

#[tokio::test]
async fn the_first_deployment_creates_function_and_token() {
    let fixture = Fixture::new().await;
    let deployed = fixture
        .store
        .deploy(&actor(), deployment("mi-funcion", "v1"), first_token)
        .await
        .unwrap();
    let token = deployed.token.unwrap();
    assert_eq!(token.name.as_str(), "default");
    assert_eq!(token.created_by, "laptop");
    assert_eq!(deployed.deployment.created_by, "laptop");
    assert_eq!(deployed.deployment.bundle_bytes, 2);

    let live = deployed.function.live.clone().unwrap();
    assert_eq!(live.id, deployed.deployment.id);
    assert_eq!(live.manifest, manifest("v1"));
    assert_eq!(
        fixture
            .store
            .function(&slug("mi-funcion"))
            .await
            .unwrap()
            .record,
        deployed.function
    );
    assert_eq!(
        fixture
            .store
            .deployment(&deployed.function.id, &deployed.deployment.id)
            .await
            .unwrap(),
        deployed.deployment
    );
    assert_eq!(
        fixture
            .store
            .list_tokens(&deployed.function.id)
            .await
            .unwrap()
            .rows,
        [token]
    );
}

#[tokio::test]
async fn a_later_deployment_replaces_the_live_one_and_makes_no_token() {
    let fixture = Fixture::new().await;
    let first = fixture
        .store
        .deploy(&actor(), deployment("mi-funcion", "v1"), first_token)
        .await
        .unwrap();
    fixture.advance(60);
    let second = fixture
        .store
        .deploy(&actor(), deployment("mi-funcion", "v2"), first_token)
        .await
        .unwrap();
    assert_eq!(second.token, None);
    assert_eq!(second.function.id, first.function.id);
    assert_eq!(second.function.created_at, first.function.created_at);
    assert_eq!(second.function.updated_at, fixture.clock.now());

    let listed = fixture
        .store
        .list_deployments(&second.function.id)
        .await
        .unwrap()
        .rows;
    let seen: Vec<_> = listed.iter().map(|d| (&d.id, d.live)).collect();
    assert_eq!(
        seen,
        [(&second.deployment.id, true), (&first.deployment.id, false)]
    );
}

#[tokio::test]
async fn deployments_of_one_millisecond_keep_their_order() {
    let fixture = Fixture::new().await;
    let mut made = Vec::new();
    for version in 0..20 {
        let new = deployment("mi-funcion", &format!("v{version}"));
        made.push(
            fixture
                .store
                .deploy(&actor(), new, first_token)
                .await
                .unwrap(),
        );
    }
    let listed = fixture
        .store
        .list_deployments(&made[0].function.id)
        .await
        .unwrap()
        .rows;
    let listed: Vec<_> = listed.iter().rev().map(|d| &d.id).collect();
    let made: Vec<_> = made.iter().map(|d| &d.deployment.id).collect();
    assert_eq!(listed, made);
}

#[tokio::test]
async fn a_function_made_before_gets_its_token_at_its_first_deployment() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let deployed = fixture
        .store
        .deploy(&actor(), deployment("mi-funcion", "v1"), first_token)
        .await
        .unwrap();
    assert_eq!(deployed.function.id, function.id);
    assert!(deployed.token.is_some());
}

#[tokio::test]
async fn a_token_that_has_the_name_already_is_kept() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let own = fixture.token(&function.id, "default").await;
    let deployed = fixture
        .store
        .deploy(&actor(), deployment("mi-funcion", "v1"), first_token)
        .await
        .unwrap();
    assert_eq!(deployed.token, None);
    assert_eq!(
        fixture.store.list_tokens(&function.id).await.unwrap().rows,
        [own]
    );
}

#[tokio::test]
async fn a_default_token_that_was_revoked_does_not_come_back() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let first = store
        .deploy(&actor(), deployment("mi-funcion", "v1"), first_token)
        .await
        .unwrap();
    let function = &first.function.id;
    let own = fixture.token(function, "ci").await;
    let default = first.token.unwrap().id;
    store
        .revoke_token(&actor(), function, &default, LastTokenRule::Enforced)
        .await
        .unwrap();
    let second = store
        .deploy(&actor(), deployment("mi-funcion", "v2"), first_token)
        .await
        .unwrap();
    assert_eq!(second.token, None);
    assert_eq!(store.list_tokens(function).await.unwrap().rows, [own]);
}

#[tokio::test]
async fn a_token_is_minted_for_the_first_deployment_only() {
    let fixture = Fixture::new().await;
    let mut minted = 0;
    for version in ["v1", "v2", "v3"] {
        let mint = || {
            minted += 1;
            first_token()
        };
        fixture
            .store
            .deploy(&actor(), deployment("mi-funcion", version), mint)
            .await
            .unwrap();
    }
    assert_eq!(minted, 1);
}

#[tokio::test]
async fn a_first_deploy_without_a_token() {
    let fixture = Fixture::new().await;
    let deployed: Result<_, StoreError> = fixture
        .store
        .deploy(&actor(), deployment("mi-funcion", "v1"), || Ok(None))
        .await;
    let deployed = deployed.unwrap();
    assert_eq!(deployed.token, None);
    let tokens = fixture.store.list_tokens(&deployed.function.id).await;
    assert_eq!(tokens.unwrap().rows, []);
}

#[tokio::test]
async fn a_deploy_whose_token_cannot_be_minted_changes_nothing() {
    let fixture = Fixture::new().await;
    let answer = fixture
        .store
        .deploy(&actor(), deployment("mi-funcion", "v1"), || {
            Err(StoreError::Database(DatabaseError::Unavailable(None)))
        })
        .await;
    assert!(
        matches!(
            answer,
            Err(StoreError::Database(DatabaseError::Unavailable(None)))
        ),
        "{answer:?}"
    );
    assert_eq!(fixture.store.list_functions().await.unwrap().rows, []);
    assert_eq!(fixture.store.revision().await.unwrap(), 0);
}

#[tokio::test]
async fn a_deploy_that_fails_changes_nothing() {
    let fixture = Fixture::new().await;
    let first = fixture
        .store
        .deploy(&actor(), deployment("mi-funcion", "v1"), first_token)
        .await
        .unwrap();
    fixture
        .set(&SecretOwner::Function(first.function.id.clone()), "A", "1")
        .await;
    let before = fixture
        .store
        .snapshot::<Vec<RuntimeTokenCredential>>()
        .await
        .unwrap();

    // The duplicate hash violates a constraint, after all other rows were written.
    let taken = NewRuntimeToken {
        hash: first.token.unwrap().hash,
        ..runtime_token("default")
    };
    let answer: Result<_, StoreError> = fixture
        .store
        .deploy(&actor(), deployment("otra", "v2"), || Ok(Some(taken)))
        .await;
    answer.unwrap_err();

    assert_eq!(
        fixture
            .store
            .snapshot::<Vec<RuntimeTokenCredential>>()
            .await
            .unwrap(),
        before
    );
    assert_eq!(fixture.count("SELECT count(*) FROM artifacts").await, 1);
    assert_eq!(fixture.count("SELECT count(*) FROM deployments").await, 1);
}
