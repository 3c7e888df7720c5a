//! The feed of changes, which other servers of the database follow.

use std::collections::BTreeSet;
use std::time::Duration;

use jelou_store::{
    Changed, LastTokenRule, News, Parts, Position, RuntimeTokenCredential, SecretOwner, Store,
};
use tokio::task::JoinSet;

use crate::fixture::{
    Fixture, access_token, actor, deployment, first_token, on_postgres, runtime_token, slug,
};

async fn position(store: &Store) -> Position {
    let snapshot = store.snapshot::<Vec<RuntimeTokenCredential>>().await;
    snapshot.unwrap().position
}

async fn parts(store: &Store, since: &Position) -> (Position, Parts) {
    match store.news(since).await.unwrap() {
        Some(News {
            position,
            changed: Changed::Parts(parts),
        }) => (position, parts),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn it_names_what_has_changed() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let start = position(store).await;
    assert_eq!(store.news(&start).await.unwrap(), None);
    let function = fixture.function("una").await;
    fixture.function("otra").await;
    let (second, changed) = parts(store, &start).await;
    let functions = BTreeSet::from([slug("otra"), slug("una")]);
    assert_eq!(
        changed,
        Parts {
            functions,
            ..Parts::default()
        }
    );
    assert_eq!(second, position(store).await);
    store
        .create_access_token(&actor(), access_token("ci"))
        .await
        .unwrap();
    store
        .set_schedules_paused(&actor(), &function.id, &["daily".to_owned()], true)
        .await
        .unwrap();
    let (third, changed) = parts(store, &second).await;
    assert_eq!(
        changed,
        Parts {
            access_tokens: true,
            schedules: true,
            ..Parts::default()
        }
    );
    assert_eq!(store.news(&third).await.unwrap(), None);
}

/// The history differs after a failover to a standby that lacks changes, or after a restore.
#[tokio::test]
async fn another_history_changes_everything() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    fixture.function("una").await;
    let before = position(store).await;
    fixture.function("otra").await;
    let after = position(store).await;
    let of_other = Position {
        hash: Some("0".repeat(64)),
        ..before.clone()
    };
    let ahead = Position {
        revision: after.revision + 1,
        ..after.clone()
    };
    let pruned = Position {
        revision: before.revision,
        ..before.clone()
    };
    for (since, is_other) in [(&of_other, true), (&ahead, true), (&before, false)] {
        let news = store.news(since).await.unwrap().unwrap();
        assert_eq!(news.changed == Changed::Everything, is_other, "{since:?}");
        assert_eq!(news.position, after);
    }
    fixture.execute("DELETE FROM audit").await;
    let news = store.news(&pruned).await.unwrap().unwrap();
    assert_eq!(news.changed, Changed::Everything);
}

/// With numbers from a sequence, commits would become visible out of order, and a reader that polls for greater numbers
/// would miss changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_misses_no_change_of_many_writers() {
    let fixture = Fixture::with_busy_timeout(Duration::from_mins(1)).await;
    let mut at = position(&fixture.store).await;
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let store = fixture.open_again().await;
        writers.spawn(async move {
            for n in 0..10 {
                let name = slug(&format!("f{writer}-{n}"));
                store.create_function(&actor(), &name, None).await.unwrap();
            }
        });
    }
    let mut seen = BTreeSet::new();
    loop {
        let is_done = writers.is_empty();
        if let Some(News { position, changed }) = fixture.store.news(&at).await.unwrap() {
            let Changed::Parts(parts) = changed else {
                panic!("{changed:?}");
            };
            seen.extend(parts.functions);
            at = position;
        }
        if is_done {
            break;
        }
        while writers.try_join_next().is_some() {}
        tokio::task::yield_now().await;
    }
    assert_eq!(seen.len(), 40);
}

#[tokio::test]
async fn the_state_of_one_function_is_that_of_the_snapshot() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let deployed = store
        .deploy(&actor(), deployment("una", "v1"), first_token)
        .await
        .unwrap();
    let id = deployed.function.id;
    let owner = SecretOwner::Function(id.clone());
    fixture.set(&owner, "A", "value").await;
    let token = store
        .create_token(&actor(), &id, runtime_token("second"))
        .await
        .unwrap();
    fixture.token(&fixture.function("otra").await.id, "x").await;
    let state = store.function_state(&slug("una")).await.unwrap().unwrap();
    let snapshot = store
        .snapshot::<Vec<RuntimeTokenCredential>>()
        .await
        .unwrap();
    let content = state.content.unwrap();
    assert_eq!(
        content.record,
        *snapshot.functions.iter().find(|one| one.id == id).unwrap()
    );
    assert_eq!(content.secrets, snapshot.secrets);
    assert_eq!(state.tokens.len(), 2);
    store
        .revoke_token(&actor(), &id, &token.id, LastTokenRule::Enforced)
        .await
        .unwrap();
    let state = store.function_state(&slug("una")).await.unwrap().unwrap();
    assert!(state.tokens.iter().all(|one| one.hash != token.hash));
    assert!(store.function_state(&slug("none")).await.unwrap().is_none());
}

/// A newer version may have written such rows.
#[tokio::test]
async fn rows_that_cannot_be_read_are_named_and_hide_no_others() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let id = fixture.function("una").await.id;
    let good = fixture.token(&id, "good").await;
    let strange = fixture.token(&id, "strange").await;
    let pipeline = store
        .create_access_token(&actor(), access_token("pipeline"))
        .await
        .unwrap();
    store
        .create_access_token(&actor(), access_token("laptop"))
        .await
        .unwrap();
    fixture
        .execute(
            "UPDATE runtime_tokens SET policy = '{\"weather\":\"sunny\"}' WHERE name = 'strange'",
        )
        .await;
    fixture
        .execute("UPDATE access_tokens SET scopes = 'weather:read' WHERE name = 'pipeline'")
        .await;

    let state = store.function_state(&slug("una")).await.unwrap().unwrap();
    let hashes: Vec<_> = state.tokens.iter().map(|token| token.hash).collect();
    assert_eq!(hashes, [good.hash]);
    assert!(state.content.is_ok());
    let unreadable = state.unreadable[0].to_string();
    let place = format!("`runtime_tokens.policy of {}`", strange.id);
    assert!(unreadable.contains(&place), "{unreadable}");
    let readable = store.list_access_tokens().await.unwrap();
    assert_eq!(readable.rows.len(), 1);
    let unreadable = readable.unreadable[0].to_string();
    let place = format!("`access_tokens.scopes of {}`", pipeline.id);
    assert!(unreadable.contains(&place), "{unreadable}");

    // The others can be revoked.
    let found = store.resolve_token(&id, "good").await.unwrap();
    assert_eq!(found.hash, good.hash);
    store.resolve_access_token("laptop").await.unwrap();
    assert!(store.resolve_token(&id, "strange").await.is_err());

    // The tokens of a function are read even if the function is not.
    fixture
        .execute("UPDATE functions SET settings = '{\"egress\":5}' WHERE slug = 'una'")
        .await;
    let state = store.function_state(&slug("una")).await.unwrap().unwrap();
    assert_eq!(state.tokens.len(), 1);
    let error = state.content.unwrap_err().to_string();
    assert!(error.contains("`functions.settings of una`"), "{error}");
    assert_eq!(store.function_slugs().await.unwrap(), [slug("una")]);
}

#[tokio::test]
async fn only_a_deletion_in_the_history_counts() {
    let fixture = Fixture::new().await;
    let id = fixture.function("una").await.id;
    assert!(!fixture.store.was_deleted(&id).await.unwrap());
    let deleted = fixture.store.delete_function(&actor(), &slug("una")).await;
    deleted.unwrap();
    assert!(fixture.store.was_deleted(&id).await.unwrap());
}

#[tokio::test]
async fn a_listener_hears_of_a_change_of_another_server() {
    let fixture = Fixture::new().await;
    let listener = fixture.store.listen().await.unwrap();
    assert_eq!(listener.is_some(), on_postgres());
    let Some(mut listener) = listener else {
        return;
    };
    fixture
        .open_again()
        .await
        .create_function(&actor(), &slug("una"), None)
        .await
        .unwrap();
    assert!(listener.heard(Duration::from_secs(30)).await.unwrap());
}
