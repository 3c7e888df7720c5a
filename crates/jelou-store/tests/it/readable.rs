//! Lists in which one row cannot be read.

use std::collections::BTreeMap;

use jelou_core::api::{RevokeTokens, RunOrigin, RunState, UpdateToken};
use jelou_core::trust::{Conditions, Issuer};
use jelou_core::{DeploymentId, NodeId, PreviewId, RunId, Scopes};
use jelou_store::{
    LastTokenRule, NewPreview, NewRun, NodeReport, Position, PreviewTerms, Readable, RunQuery,
    SecretOwner, TrustTerms,
};
use jiff::SignedDuration;

use crate::fixture::{
    Fixture, access_token, actor, deployer_token, deployment, first_token, token_name,
};

/// Checks that a list has one row, and names the other one by its column and its key.
#[track_caller]
fn has_one<T>(found: &Readable<T>, column: &str, key: &str) {
    assert_eq!(found.rows.len(), 1, "{column}");
    let unreadable = found.unreadable.iter().map(ToString::to_string);
    let unreadable: Vec<_> = unreadable.collect();
    let place = format!("`{column} of {key}`");
    let is_named = matches!(&unreadable[..], [one] if one.contains(&place));
    assert!(is_named, "{place}: {unreadable:?}");
}

/// Creates two rows of each kind.
async fn create(fixture: &Fixture) {
    let (store, by) = (&fixture.store, &actor());
    for name in ["una", "dos"] {
        let deployed = store.deploy(by, deployment("hola", name), first_token);
        let function = deployed.await.unwrap().function.id;
        fixture.function(name).await;
        store
            .create_access_token(by, access_token(name))
            .await
            .unwrap();
        fixture.token(&function, name).await;
        let owner = SecretOwner::Function(function.clone());
        for value in ["1", "2"] {
            fixture.set(&owner, &name.to_uppercase(), value).await;
        }
        let preview = NewPreview {
            function: function.clone(),
            name: name.parse().unwrap(),
            terms: PreviewTerms {
                id: PreviewId::generate(),
                with_secrets: false,
                header_only: true,
                expires_at: fixture.clock.now() + SignedDuration::from_secs(60),
            },
            limit: 10,
        };
        store.create_preview(by, preview).await.unwrap();
        let terms = TrustTerms {
            issuer: Issuer::Other,
            issuer_url: "https://issuer.test".to_owned(),
            audience: "jelou".to_owned(),
            conditions: Conditions::default(),
            scopes: Some(Scopes::admin()),
            call: None,
        };
        let policy = store.create_trust(by, token_name(name), terms, BTreeMap::new());
        policy.await.unwrap();
        let run = NewRun {
            id: RunId::generate(),
            function,
            schedule: name.to_owned(),
            due_at: fixture.clock.now(),
            origin: RunOrigin::Schedule,
            state: RunState::Running,
            reason: None,
            deployment: DeploymentId::generate(),
            missed: 0,
            max_elsewhere: None,
        };
        store.claim_runs(&[run]).await.unwrap();
        let report = NodeReport {
            id: NodeId::generate(),
            address: name.to_owned(),
            version: "1.0.0".to_owned(),
            started_at: fixture.clock.now(),
            position: Position::default(),
            clock_offset_ms: 0,
            unapplied: Vec::new(),
        };
        let now = store.database_time().await.unwrap();
        store.report_node(&report, now).await.unwrap();
    }
}

/// Returns the value of a column as text.
async fn value(fixture: &Fixture, statement: &'static str) -> String {
    let mut connection = fixture.connection().await;
    let value = sqlx::query_scalar(statement).fetch_one(&mut connection);
    value.await.unwrap()
}

#[tokio::test]
async fn a_list_has_every_row_that_can_be_read() {
    let fixture = Fixture::new().await;
    create(&fixture).await;
    let store = &fixture.store;
    let function = store.function(&"hola".parse().unwrap()).await.unwrap();
    let function = function.record.id;
    store
        .delete_function(&actor(), &"una".parse().unwrap())
        .await
        .unwrap();
    // No time.
    for statement in [
        "UPDATE functions SET created_at = 9000000000000000000 WHERE slug = 'dos'",
        "UPDATE access_tokens SET created_at = 9000000000000000000 WHERE name = 'dos'",
        "UPDATE runtime_tokens SET revoked_at = 1 WHERE name = 'default'",
        "UPDATE runtime_tokens SET created_at = 9000000000000000000 WHERE name = 'dos'",
        "UPDATE trust_policies SET created_at = 9000000000000000000 WHERE name = 'dos'",
        "UPDATE deployments SET created_at = 9000000000000000000 \
         WHERE id NOT IN (SELECT live_deployment_id FROM functions WHERE live_deployment_id IS NOT NULL)",
        "UPDATE previews SET created_at = 9000000000000000000 WHERE name = 'dos'",
        "UPDATE secrets SET updated_at = 9000000000000000000 WHERE key = 'DOS'",
        "UPDATE runs SET due_at = 9000000000000000000 WHERE schedule = 'dos'",
        "UPDATE nodes SET started_at = 9000000000000000000 WHERE address = 'dos'",
    ] {
        fixture.execute(statement).await;
    }

    let functions = store.list_functions().await.unwrap();
    has_one(&functions, "functions.created_at", "dos");
    let tokens = store.list_access_tokens().await.unwrap();
    let id = value(&fixture, "SELECT id FROM access_tokens WHERE name = 'dos'").await;
    has_one(&tokens, "access_tokens.created_at", &id);
    let tokens = store.list_tokens(&function).await.unwrap();
    let id = value(&fixture, "SELECT id FROM runtime_tokens WHERE name = 'dos'").await;
    has_one(&tokens, "runtime_tokens.created_at", &id);
    // A page that ends with such a row does not end the list.
    let first = store.token_page(&function, None, 1).await.unwrap();
    let second = store.token_page(&function, first.next.as_ref(), 1).await;
    let second = second.unwrap();
    assert_eq!((first.tokens.rows.len(), second.tokens.rows.len()), (1, 0));
    assert_eq!((second.tokens.unreadable.len(), second.next), (1, None));
    let policies = store.trust_policies().await.unwrap();
    let id = value(&fixture, "SELECT id FROM trust_policies WHERE name = 'dos'").await;
    has_one(&policies, "trust_policies.created_at", &id);
    let deployments = store.list_deployments(&function).await.unwrap();
    let id = value(
        &fixture,
        "SELECT id FROM deployments WHERE created_at = 9000000000000000000",
    );
    has_one(&deployments, "deployments.created_at", &id.await);
    let previews = store.list_previews(&function).await.unwrap();
    has_one(&previews, "previews.created_at", "dos");
    let owner = SecretOwner::Function(function.clone());
    let secrets = store.list_secrets(&owner).await.unwrap();
    has_one(&secrets, "secrets.updated_at", "DOS");
    let id = value(&fixture, "SELECT id FROM runs WHERE schedule = 'dos'").await;
    let query = RunQuery {
        limit: 10,
        ..RunQuery::default()
    };
    let runs = store.list_runs(&function, &query).await.unwrap();
    has_one(&runs, "runs.due_at", &id);
    let runs = store.last_runs(&function).await.unwrap();
    has_one(&runs, "runs.due_at", &id);
    let nodes = store.nodes(60_000).await.unwrap();
    let id = value(&fixture, "SELECT id FROM nodes WHERE address = 'dos'").await;
    has_one(&nodes, "nodes.started_at", &id);
    assert!(nodes.all().is_err());

    let versions = "UPDATE secret_versions SET updated_at = 9000000000000000000 WHERE key = 'UNA'";
    fixture.execute(versions).await;
    let secrets = store.list_secrets(&owner).await.unwrap();
    assert_eq!(secrets.rows[0].earlier, []);
    assert_eq!(secrets.unreadable.len(), 2, "{:?}", secrets.unreadable);
}

/// A leaked token must be revocable whatever the other rows are.
#[tokio::test]
async fn a_row_that_cannot_be_read_prevents_no_change_of_another_one() {
    let fixture = Fixture::new().await;
    let (store, by) = (&fixture.store, &actor());
    let function = fixture.function("hola").await.id;
    let (una, _) = (
        fixture.token(&function, "una").await,
        fixture.token(&function, "dos").await,
    );
    fixture.token(&function, "tres").await;
    let administrator = store.create_access_token(by, access_token("admin"));
    administrator.await.unwrap();
    let deployer = store.create_access_token(by, deployer_token("ci"));
    let deployer = deployer.await.unwrap();
    let other = store.create_access_token(by, deployer_token("dos"));
    other.await.unwrap();
    for statement in [
        "UPDATE runtime_tokens SET created_at = 9000000000000000000 WHERE name = 'dos'",
        "UPDATE access_tokens SET created_at = 9000000000000000000 WHERE name = 'dos'",
    ] {
        fixture.execute(statement).await;
    }
    let update = UpdateToken {
        disabled: Some(true),
        ..UpdateToken::default()
    };
    let rule = LastTokenRule::Enforced;
    let updated = store.update_token(by, &function, &una.id, update, rule);
    assert!(updated.await.unwrap().disabled_at.is_some());
    let selection = RevokeTokens {
        ids: Some(vec![una.id]),
        ..RevokeTokens::default()
    };
    let revoked = store.revoke_tokens(by, &function, &selection);
    assert_eq!(revoked.await.unwrap().len(), 1);
    store.revoke_access_token(by, &deployer.id).await.unwrap();
}
