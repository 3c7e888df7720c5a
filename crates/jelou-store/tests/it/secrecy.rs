//! Data that must not appear on disk or in any text.

use jelou_store::{NewRuntimeToken, RuntimeTokenCredential, SecretOwner};
use jelou_token::RuntimeToken;

use crate::fixture::{Fixture, actor, on_postgres, runtime_token};

const VALUE: &str = "correct-horse-battery-staple";

fn holds(content: &[u8], needle: &[u8]) -> bool {
    content.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test]
async fn neither_secrets_nor_tokens_nor_the_key_reach_the_database() {
    if on_postgres() {
        return;
    }
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let token = RuntimeToken::mint().unwrap();
    let new = NewRuntimeToken {
        hash: token.hash(),
        prefix: token.display_prefix(),
        ..runtime_token("ci")
    };
    fixture
        .store
        .create_token(&actor(), &function.id, new)
        .await
        .unwrap();
    fixture
        .set(&SecretOwner::Function(function.id), "A_KEY", VALUE)
        .await;
    let key = std::fs::read(fixture.key_file()).unwrap();

    let mut files = Vec::new();
    for suffix in ["-wal", ""] {
        let path = format!("{}{suffix}", fixture.database().display());
        files.push((path.clone(), std::fs::read(&path).unwrap()));
    }
    fixture.store.close().await.unwrap();
    let closed = std::fs::read(fixture.database()).unwrap();
    files.push(("after the checkpoint".to_owned(), closed));

    // Proves that the search works: it finds a value that is stored in plain text.
    assert!(files.iter().any(|(_, content)| holds(content, b"A_KEY")));
    assert!(
        files
            .iter()
            .any(|(_, content)| holds(content, token.hash().as_bytes()))
    );
    for (path, content) in &files {
        assert!(!holds(content, VALUE.as_bytes()), "{path}");
        assert!(!holds(content, token.expose().as_bytes()), "{path}");
        assert!(!holds(content, &token.expose().as_bytes()[12..]), "{path}");
        assert!(!holds(content, &key), "{path}");
    }
}

#[tokio::test]
async fn debug_shows_no_secret() {
    let fixture = Fixture::new().await;
    fixture
        .set(&SecretOwner::Organisation, "A_KEY", VALUE)
        .await;
    let snapshot = fixture
        .store
        .snapshot::<Vec<RuntimeTokenCredential>>()
        .await
        .unwrap();
    let shown = format!("{:?} {snapshot:?}", fixture.store);
    assert!(shown.contains("A_KEY"));
    assert!(!shown.contains(VALUE));
}

#[tokio::test]
async fn a_value_that_was_tampered_with_does_not_open() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    fixture.set(&SecretOwner::Organisation, "A", "one").await;
    fixture.set(&SecretOwner::Organisation, "B", "two").await;
    fixture
        .execute(
            "UPDATE secrets SET ciphertext = (SELECT ciphertext FROM secrets WHERE key = 'B') WHERE key = 'A'",
        )
        .await;
    let sealed = store
        .sealed_secrets(&SecretOwner::Organisation)
        .await
        .unwrap();
    let open = |secret: &jelou_store::SecretRecord| {
        store
            .vault()
            .unseal(&secret.owner, &secret.key, &secret.sealed)
            .is_ok()
    };
    assert_eq!(sealed.iter().map(open).collect::<Vec<_>>(), [false, true]);
}
