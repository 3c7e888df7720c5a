//! Token policies: storage, and databases of releases without policies.

use jelou_core::{Clock, TokenId, TokenPolicy};
use jelou_store::{NewRuntimeToken, QuotaUse, RuntimeTokenCredential, Store, StoreConfig, Vault};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Connection, SqlSafeStr, SqliteConnection};

use crate::fixture::{Fixture, actor, runtime_token};

fn policy() -> TokenPolicy {
    TokenPolicy {
        scopes: Some(
            vec!["mcp".parse().unwrap(), "tool:sendEmail".parse().unwrap()]
                .try_into()
                .unwrap(),
        ),
        cidrs: Some(
            vec![
                "10.0.0.0/8".parse().unwrap(),
                "2001:db8::/32".parse().unwrap(),
            ]
            .try_into()
            .unwrap(),
        ),
        methods: Some(vec!["GET".parse().unwrap()].try_into().unwrap()),
        rate: Some("100/m".parse().unwrap()),
        quota: Some("5/day@America/Guayaquil".parse().unwrap()),
    }
}

#[tokio::test]
async fn a_policy_is_kept_as_it_was_given() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let rate_alone = TokenPolicy {
        rate: policy().rate,
        ..TokenPolicy::default()
    };
    for (name, policy) in [
        ("all", policy()),
        ("rate", rate_alone),
        ("none", TokenPolicy::default()),
    ] {
        let new = NewRuntimeToken {
            policy: policy.clone(),
            ..runtime_token(name)
        };
        let created = fixture
            .store
            .create_token(&actor(), &function.id, new)
            .await
            .unwrap();
        assert_eq!(created.policy, policy, "{name}");
        let again = fixture.open_again().await;
        let found = again.resolve_token(&function.id, name).await.unwrap();
        assert_eq!(found, created);
        let snapshot = again
            .snapshot::<Vec<RuntimeTokenCredential>>()
            .await
            .unwrap();
        let mut keys = snapshot.runtime_tokens.into_iter();
        let key = keys.find(|key| key.id == created.id).unwrap();
        let expected = Some(policy).filter(|policy| !policy.is_unlimited());
        assert_eq!(key.policy.map(|policy| *policy), expected, "{name}");
    }
    let limited = "SELECT count(*) FROM runtime_tokens WHERE policy IS NOT NULL";
    assert_eq!(fixture.count(limited).await, 2);
}

/// A token with an unreadable policy must not become unlimited.
#[tokio::test]
async fn a_policy_that_cannot_be_read_is_an_error() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    fixture.token(&function.id, "ci").await;
    for broken in [
        "UPDATE runtime_tokens SET policy = '{'",
        r#"UPDATE runtime_tokens SET policy = '{"scopes":[]}'"#,
        r#"UPDATE runtime_tokens SET policy = '{"rate":"0/s"}'"#,
        r#"UPDATE runtime_tokens SET policy = '{"hours":"9-17"}'"#,
    ] {
        fixture.execute(broken).await;
        assert!(
            fixture
                .store
                .snapshot::<Vec<RuntimeTokenCredential>>()
                .await
                .is_err(),
            "{broken}"
        );
    }
}

/// Migrates a database of the last release without policies.
#[tokio::test]
async fn tokens_of_an_older_database_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jelou.db");
    let migrations = [
        (1, include_str!("../../migrations/sqlite/0001_initial.sql")),
        (2, include_str!("../../migrations/sqlite/0002_memory.sql")),
    ];
    let migrations = migrations.map(|(version, sql)| {
        Migration::new(
            version,
            "old".into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    });
    let url = format!("sqlite://{}?mode=rwc", path.display());
    let mut old = SqliteConnection::connect(&url).await.unwrap();
    Migrator::with_migrations(migrations.into())
        .run_direct(None, &mut old, false)
        .await
        .unwrap();
    sqlx::raw_sql(
        "INSERT INTO functions (id, slug, created_at, updated_at) VALUES \
         ('func_01arz3ndektsv4rrffq69g5fav', 'mi-funcion', 1, 1); \
         INSERT INTO runtime_tokens (id, function_id, name, hash, prefix, created_by, created_at, expires_at, \
         last_used_at) VALUES ('tok_01arz3ndektsv4rrffq69g5fav', 'func_01arz3ndektsv4rrffq69g5fav', 'default', \
         x'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'jfn_rt_abc1', 'laptop', 1000, \
         4000, 2000);",
    )
    .execute(&mut old)
    .await
    .unwrap();
    old.close().await.unwrap();

    let vault = Vault::open(&folder.path().join("master.key")).unwrap();
    let store = Store::open(&StoreConfig::new(path), vault, Clock::system())
        .await
        .unwrap();
    let function = store
        .function_id(&"mi-funcion".parse().unwrap())
        .await
        .unwrap();
    let [token] = store
        .list_tokens(&function)
        .await
        .unwrap()
        .rows
        .try_into()
        .unwrap();
    assert_eq!(token.id.as_str(), "tok_01arz3ndektsv4rrffq69g5fav");
    assert_eq!(token.hash.as_bytes()[..3], [0, 1, 2]);
    assert_eq!(token.created_at.as_millisecond(), 1000);
    assert_eq!(token.expires_at.unwrap().as_millisecond(), 4000);
    assert_eq!(token.last_used_at.unwrap().as_millisecond(), 2000);
    assert!(token.policy.is_unlimited());
    let snapshot = store
        .snapshot::<Vec<RuntimeTokenCredential>>()
        .await
        .unwrap();
    assert_eq!(snapshot.runtime_tokens[0].policy, None);
    // New tokens can have a policy.
    let new = NewRuntimeToken {
        policy: policy(),
        ..runtime_token("ci")
    };
    store.create_token(&actor(), &function, new).await.unwrap();
}

#[tokio::test]
async fn the_calls_of_a_quota_are_those_of_all_servers() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let token = fixture.token(&function.id, "ci").await.id;
    let other = fixture.open_again().await;
    let add = async |store: &Store, start_ms, calls| {
        let used = QuotaUse { start_ms, calls };
        let sums = store.add_quotas(&[(token.clone(), used)]).await.unwrap();
        let [(_, QuotaUse { start_ms, calls })] = sums[..] else {
            panic!("{sums:?}")
        };
        (start_ms, calls)
    };
    let store = &fixture.store;
    assert_eq!(add(store, 1_000, 2).await, (1_000, 2));
    assert_eq!(add(&other, 1_000, 5).await, (1_000, 7));
    assert_eq!(add(store, 1_000, 1).await, (1_000, 8));
    // The clock of the other server is ahead.
    assert_eq!(add(&other, 2_000, 1).await, (2_000, 1));
    assert_eq!(add(store, 1_000, 4).await, (2_000, 1));
    let gone = (
        TokenId::generate(),
        QuotaUse {
            start_ms: 1,
            calls: 1,
        },
    );
    assert_eq!(store.add_quotas(&[gone]).await.unwrap(), []);
}
