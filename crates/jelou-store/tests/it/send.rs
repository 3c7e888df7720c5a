//! The server's tasks move between threads, so the future of every call must be `Send`.

use jelou_core::{AccessTokenId, Clock, DeploymentId, FunctionId, TokenId};
use jelou_store::{
    ActivationKind, LastTokenRule, RuntimeTokenCredential, SecretOwner, Store, StoreConfig, Vault,
};

use crate::fixture::{
    access_token, actor, artifact, deployment, first_token, runtime_token, secret_key, slug,
};

fn is_send(future: impl Future + Send) {
    drop(future);
}

#[tokio::test]
async fn every_call_may_move_between_threads() {
    let vault = || Vault::from_master_key(&"0".repeat(64)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = StoreConfig::new(folder.path().join("jelou.db"));
    is_send(Store::open(&config, vault(), Clock::system()));
    let store = Store::open(&config, vault(), Clock::system())
        .await
        .unwrap();

    let actor = actor();
    let (slug, owner, key) = (slug("a"), SecretOwner::Organisation, secret_key("A"));
    let (function, deployment_id) = (FunctionId::generate(), DeploymentId::generate());
    let (token, access) = (TokenId::generate(), AccessTokenId::generate());
    is_send(store.ping());
    is_send(store.snapshot::<Vec<RuntimeTokenCredential>>());
    is_send(store.audit(None, 1));
    is_send(store.list_functions());
    is_send(store.function(&slug));
    is_send(store.function_id(&slug));
    is_send(store.create_function(&actor, &slug, None));
    is_send(store.delete_function(&actor, &slug));
    is_send(store.deploy(&actor, deployment("a", "v1"), first_token));
    is_send(store.list_deployments(&function));
    is_send(store.deployment(&function, &deployment_id));
    is_send(store.rollback(
        &actor,
        &function,
        Some(&deployment_id),
        ActivationKind::Rollback,
        None,
    ));
    is_send(store.artifact(artifact("v1").hash()));
    is_send(store.list_tokens(&function));
    is_send(store.create_token(&actor, &function, runtime_token("a")));
    is_send(store.resolve_token(&function, "a"));
    is_send(store.revoke_token(&actor, &function, &token, LastTokenRule::Enforced));
    is_send(store.record_last_used(&[]));
    is_send(store.list_access_tokens());
    is_send(store.replace_access_token(&actor, access_token("a")));
    is_send(store.create_access_token(&actor, access_token("a")));
    is_send(store.bootstrap_access_token(access_token("a")));
    is_send(store.resolve_access_token("a"));
    is_send(store.revoke_access_token(&actor, &access));
    is_send(store.record_access_last_used(&[]));
    is_send(store.list_secrets(&owner));
    is_send(store.sealed_secrets(&owner));
    is_send(store.set_secrets(&actor, &owner, Vec::new()));
    is_send(store.delete_secret(&actor, &owner, &key));
    is_send(store.close());
}
