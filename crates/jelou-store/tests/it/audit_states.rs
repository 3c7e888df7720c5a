//! The state before and after each action, as the audit trail records it. An action without a row here fails the test.

use std::collections::{BTreeMap, BTreeSet};

use jelou_core::api::{AuditEntry, Patch, RevokeTokens, RunOrigin, RunState, UpdateToken};
use jelou_core::trust::{Conditions, Issuer};
use jelou_core::{DeploymentId, PreviewId, RunId, Scopes, TokenId};
use jelou_store::{
    AUDIT_ACTIONS, ActivationKind, Actor, Exchange, ExchangedToken, ImportRules, ImportToken,
    LastTokenRule, NewDeployment, NewExchangedToken, NewPreview, NewRun, OldValue, PreviewTerms,
    Rotation, SecretOwner, TrustTerms,
};
use jelou_token::{AccessToken, RuntimeToken};
use jiff::SignedDuration;

use crate::fixture::{
    Fixture, actor, deployer_token, deployment, first_token, on_postgres, runtime_token, secret,
    secret_key, slug, token_name,
};

/// For each action: the members of `before` and of `after`, sorted.
const STATES: &[(&str, &str, &str)] = &[
    ("access_token.create", "", "expiresAt scopes"),
    ("access_token.revoke", "expiresAt scopes", ""),
    ("access_token.rotate", "prefix previous", "prefix previous"),
    (
        "access_token.rotate.finish",
        "prefix previous",
        "prefix previous",
    ),
    ("deployment.create", "", "artifact entrypoint live pinned"),
    ("deployment.pin", "pinned", "pinned"),
    ("deployment.promote", "live", "live"),
    ("deployment.rollback", "live", "live"),
    ("deployment.unpin", "pinned", "pinned"),
    ("egress.allow", "egress", "egress"),
    ("egress.deny", "egress", "egress"),
    ("function.create", "", "slug"),
    ("function.delete", "egress limits live slug", ""),
    ("limit.set", "", "value"),
    ("limit.unset", "value", ""),
    ("master_key.rotate", "keys", "keys"),
    ("preview.create", "", "expiresAt headerOnly withSecrets"),
    ("preview.delete", "expiresAt headerOnly withSecrets", ""),
    (
        "preview.deploy",
        "expiresAt headerOnly withSecrets",
        "deployment expiresAt headerOnly withSecrets",
    ),
    (
        "preview.expire",
        "deployment expiresAt headerOnly withSecrets",
        "",
    ),
    ("preview.secret.delete", "version", ""),
    ("preview.secret.rollback", "version", "restored version"),
    ("preview.secret.set", "", "version"),
    ("schedule.pause", "paused", "paused"),
    ("schedule.resume", "paused", "paused"),
    ("schedule.run", "", "deployment"),
    ("secret.delete", "version", ""),
    ("secret.rollback", "version", "restored version"),
    ("secret.set", "", "version"),
    ("token.create", "", "name prefix"),
    ("token.disable", "disabledAt", "disabledAt"),
    ("token.enable", "disabledAt", "disabledAt"),
    ("token.export", "", "exported"),
    ("token.import", "", "name prefix"),
    ("token.revoke", "limits name prefix", ""),
    ("token.rotate", "prefix previous", "prefix previous"),
    ("token.rotate.finish", "prefix previous", "prefix previous"),
    ("token.update", "rate", "rate"),
    (
        "trust.create",
        "",
        "audience conditions issuer issuerUrl scopes",
    ),
    (
        "trust.delete",
        "audience conditions issuer issuerUrl scopes",
        "",
    ),
    ("trust.pin", "", "repository_id"),
];

const VALUE: &str = "correct-horse-battery-staple";

/// Runs every action once.
async fn everything(fixture: &Fixture) {
    let (store, by) = (&fixture.store, &actor());
    let first = store
        .deploy(by, deployment("mine", "v1"), first_token)
        .await
        .unwrap();
    let function = &first.function.id;
    let second = store
        .deploy(by, deployment("mine", "v2"), first_token)
        .await
        .unwrap();
    store
        .rollback(by, function, None, ActivationKind::Rollback, None)
        .await
        .unwrap();
    let again = Some(&second.deployment.id);
    store
        .rollback(by, function, again, ActivationKind::Promote, None)
        .await
        .unwrap();
    for pinned in [true, false] {
        store
            .pin_deployment(by, function, &first.deployment.id, pinned)
            .await
            .unwrap();
    }
    settings(fixture).await;
    secrets(fixture, &SecretOwner::Function(function.clone())).await;

    // Previews. The second one expires.
    for name in ["pr-1", "pr-2"] {
        let terms = PreviewTerms {
            id: PreviewId::generate(),
            with_secrets: false,
            header_only: false,
            expires_at: fixture.clock.now() + SignedDuration::from_secs(100),
        };
        let new = NewPreview {
            function: function.clone(),
            name: name.parse().unwrap(),
            terms: terms.clone(),
            limit: 9,
        };
        let preview = store.create_preview(by, new).await.unwrap();
        if name == "pr-1" {
            secrets(fixture, &SecretOwner::Preview(preview.id)).await;
            store
                .delete_preview(by, function, &preview.name)
                .await
                .unwrap();
        } else {
            let new = NewDeployment {
                preview: Some(terms),
                ..deployment("mine", "v3")
            };
            store.deploy(by, new, first_token).await.unwrap();
            fixture.advance(800);
            store.delete_expired_previews(by).await.unwrap();
        }
    }

    let daily = ["daily".to_owned()];
    for paused in [true, false] {
        store
            .set_schedules_paused(by, function, &daily, paused)
            .await
            .unwrap();
    }
    let run = NewRun {
        id: RunId::generate(),
        function: function.clone(),
        schedule: "daily".to_owned(),
        due_at: fixture.clock.now(),
        origin: RunOrigin::Manual,
        state: RunState::Running,
        reason: None,
        deployment: DeploymentId::generate(),
        missed: 0,
        max_elsewhere: None,
    };
    store.claim_manual_run(by, &run).await.unwrap();
    runtime_tokens(fixture, function).await;
    access_tokens(fixture).await;
    trust(fixture).await;
    if !on_postgres() {
        store.rotate_master_key(by).await.unwrap();
    }
    store.delete_function(by, &slug("mine")).await.unwrap();
}

async fn settings(fixture: &Fixture) {
    let (store, by, slug) = (&fixture.store, &actor(), &slug("mine"));
    let rules = [
        "db.internal:5432".parse().unwrap(),
        "10.0.0.1".parse().unwrap(),
    ];
    store.change_egress(by, slug, &rules, &[]).await.unwrap();
    store
        .change_egress(by, slug, &[], &rules[..1])
        .await
        .unwrap();
    let limit = "max_heap_mib".parse().unwrap();
    let other = "cpu_weight".parse().unwrap();
    let set = BTreeMap::from([(limit, 64), (other, 40)]);
    store.change_limits(by, slug, &set, &[]).await.unwrap();
    store
        .change_limits(by, slug, &BTreeMap::new(), &[limit])
        .await
        .unwrap();
}

async fn secrets(fixture: &Fixture, owner: &SecretOwner) {
    let (store, by, key) = (&fixture.store, &actor(), &secret_key("A"));
    for value in [VALUE, "other-value"] {
        store
            .set_secrets(by, owner, vec![secret("A", value)])
            .await
            .unwrap();
    }
    store.rollback_secret(by, owner, key, None).await.unwrap();
    store.delete_secret(by, owner, key).await.unwrap();
}

async fn runtime_tokens(fixture: &Fixture, function: &jelou_core::FunctionId) {
    let (store, by) = (&fixture.store, &actor());
    let token = fixture.token(function, "ci").await;
    let value = RuntimeToken::mint().unwrap();
    let rotation = Rotation {
        hash: value.hash(),
        prefix: value.display_prefix(),
        valid_until: fixture.clock.now() + SignedDuration::from_secs(60),
        old: OldValue::Current,
    };
    store
        .rotate_token(by, function, &token.id, rotation)
        .await
        .unwrap();
    store
        .finish_rotation(by, function, &token.id)
        .await
        .unwrap();
    let rate = UpdateToken {
        rate: Patch::Set("5/m".parse().unwrap()),
        ..UpdateToken::default()
    };
    let disable = UpdateToken {
        disabled: Some(true),
        ..UpdateToken::default()
    };
    let enable = UpdateToken {
        disabled: Some(false),
        ..UpdateToken::default()
    };
    for update in [rate, disable, enable] {
        store
            .update_token(by, function, &token.id, update, LastTokenRule::Enforced)
            .await
            .unwrap();
    }
    store.export_tokens(by, function).await.unwrap();
    let new = runtime_token("imported");
    let import = ImportToken {
        id: Some(TokenId::generate()),
        name: new.name,
        hash: new.hash,
        prefix: new.prefix,
        created_at: None,
        expires_at: None,
        disabled_at: None,
        policy: new.policy,
        labels: new.labels,
        previous: None,
    };
    let rules = ImportRules {
        replace: false,
        dry_run: false,
        max_tokens: None,
    };
    store
        .import_tokens(by, function, vec![import], rules)
        .await
        .unwrap();
    let selection = RevokeTokens {
        ids: Some(vec![token.id]),
        ..RevokeTokens::default()
    };
    store.revoke_tokens(by, function, &selection).await.unwrap();
}

async fn access_tokens(fixture: &Fixture) {
    let (store, by) = (&fixture.store, &actor());
    let token = store
        .create_access_token(by, deployer_token("ci"))
        .await
        .unwrap();
    let value = AccessToken::mint().unwrap();
    let until = fixture.clock.now() + SignedDuration::from_secs(60);
    let rotation = Rotation {
        hash: value.hash(),
        prefix: value.display_prefix(),
        valid_until: until,
        old: OldValue::Current,
    };
    store
        .rotate_access_token(by, &token.id, rotation)
        .await
        .unwrap();
    store
        .finish_access_token_rotation(by, &token.id)
        .await
        .unwrap();
    store.revoke_access_token(by, &token.id).await.unwrap();
}

async fn trust(fixture: &Fixture) {
    let (store, by) = (&fixture.store, &actor());
    let terms = TrustTerms {
        issuer: Issuer::Github,
        issuer_url: "https://issuer.example.com".to_owned(),
        audience: "https://api.example.com".to_owned(),
        conditions: Conditions {
            repository: Some("org/repo".to_owned()),
            ..Conditions::default()
        },
        scopes: Some("deploy:mine".parse::<Scopes>().unwrap()),
        call: None,
    };
    let name = token_name("github");
    let policy = store
        .create_trust(by, name, terms, BTreeMap::new())
        .await
        .unwrap();
    let value = AccessToken::mint().unwrap();
    let pinned = BTreeMap::from([("repository_id".to_owned(), "11".to_owned())]);
    let exchange = Exchange {
        assertion: [1; 32],
        assertion_expires_at: fixture.clock.now() + SignedDuration::from_secs(60),
        token: ExchangedToken {
            hash: value.hash(),
            prefix: value.display_prefix(),
            name: policy.name.clone(),
            policies: vec![policy.id.clone()],
            subject: "repo:org/repo".to_owned(),
            created_at: fixture.clock.now(),
            expires_at: fixture.clock.now() + SignedDuration::from_secs(60),
            new: NewExchangedToken::Access {
                id: jelou_core::AccessTokenId::generate(),
                scopes: "deploy:mine".parse().unwrap(),
            },
        },
        pins: vec![(policy.clone(), pinned)],
    };
    store.exchange(&exchange).await.unwrap();
    store.delete_trust(by, policy.id.as_str()).await.unwrap();
}

fn members(value: Option<&serde_json::Value>) -> String {
    let members = value.map(|value| value.as_object().unwrap());
    let names: BTreeSet<_> = members
        .into_iter()
        .flat_map(|members| members.keys())
        .collect();
    names
        .into_iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

#[tokio::test]
async fn every_action_says_what_was_before_and_after() {
    let fixture = Fixture::new().await;
    everything(&fixture).await;
    let mut entries: Vec<AuditEntry> = Vec::new();
    let mut before = None;
    loop {
        let page = fixture.store.audit(before, 100).await.unwrap();
        entries.extend(page.items);
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    // The first entry of each action; the trail is newest first.
    let first: BTreeMap<_, _> = entries
        .iter()
        .map(|entry| (entry.action.as_str(), entry))
        .collect();
    let listed: BTreeSet<_> = STATES.iter().map(|(action, ..)| *action).collect();
    let known: BTreeSet<_> = AUDIT_ACTIONS.iter().copied().collect();
    assert_eq!(listed, known, "an action has no row in STATES");
    for (action, before, after) in STATES {
        if *action == "master_key.rotate" && on_postgres() {
            continue;
        }
        let entry = first
            .get(action)
            .unwrap_or_else(|| panic!("no entry of {action}"));
        assert_eq!(members(entry.before.as_ref()), *before, "before {action}");
        assert_eq!(members(entry.after.as_ref()), *after, "after {action}");
        assert!(entry.before.is_some() || entry.after.is_some(), "{action}");
    }
    let text = serde_json::to_string(&entries).unwrap();
    for value in [VALUE, "other-value"] {
        assert!(!text.contains(value));
    }
    let by_hand = Actor::system();
    assert!(entries.iter().all(|entry| entry.actor != by_hand.id));
}
