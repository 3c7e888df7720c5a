//! Artifacts: content, compression and integrity.

use jelou_core::{DeploymentId, SourceFile};
use jelou_store::{ArtifactHash, ArtifactRecord, DatabaseError, StoreError};

use crate::fixture::{Fixture, actor, artifact, deployment, first_token};

#[tokio::test]
async fn content_comes_back_as_it_was() {
    let fixture = Fixture::new().await;
    let mut new = deployment("mi-funcion", "export default () => 'ñandú 🦤'");
    for source_map in [None, Some(String::new()), Some("{}".to_owned())] {
        new.id = DeploymentId::generate();
        new.artifact.source_map = source_map;
        let stored = new.artifact.clone();
        let deployed = fixture
            .store
            .deploy(&actor(), new.clone(), first_token)
            .await
            .unwrap();
        assert_eq!(deployed.deployment.artifact_hash, stored.hash());
        assert_eq!(fixture.store.artifact(stored.hash()).await.unwrap(), stored);
    }
}

#[tokio::test]
async fn equal_content_is_stored_once() {
    let fixture = Fixture::new().await;
    for name in ["a", "b", "a"] {
        fixture
            .store
            .deploy(&actor(), deployment(name, "same"), first_token)
            .await
            .unwrap();
    }
    assert_eq!(fixture.count("SELECT count(*) FROM artifacts").await, 1);
}

#[tokio::test]
async fn what_was_changed_on_disk_is_refused() {
    let fixture = Fixture::new().await;
    let one = fixture
        .store
        .deploy(&actor(), deployment("a", "one"), first_token)
        .await
        .unwrap();
    fixture
        .store
        .deploy(&actor(), deployment("b", "two"), first_token)
        .await
        .unwrap();
    fixture
        .execute(
            "UPDATE artifacts SET bundle = (SELECT bundle FROM artifacts ORDER BY hash LIMIT 1)",
        )
        .await;
    fixture
        .execute("UPDATE artifacts SET sources = (SELECT sources FROM artifacts ORDER BY hash DESC LIMIT 1)")
        .await;
    let answer = fixture.store.artifact(one.deployment.artifact_hash).await;
    assert!(
        matches!(
            answer,
            Err(StoreError::Database(DatabaseError::Corrupt { .. }))
        ),
        "{answer:?}"
    );

    sqlx::query("UPDATE artifacts SET bundle = $1")
        .bind(&[0_u8, 1, 2, 3][..])
        .execute(&mut fixture.connection().await)
        .await
        .unwrap();
    let answer = fixture.store.artifact(one.deployment.artifact_hash).await;
    assert!(
        matches!(
            answer,
            Err(StoreError::Database(DatabaseError::Corrupt { .. }))
        ),
        "{answer:?}"
    );
}

#[tokio::test]
async fn one_that_is_not_there_is_not_found() {
    let fixture = Fixture::new().await;
    let answer = fixture.store.artifact(artifact("x").hash()).await;
    assert!(matches!(answer, Err(StoreError::NotFound { .. })));
}

#[test]
fn every_part_counts_for_the_hash() {
    let file = |path: &str, content: &str| SourceFile::new(path, content.to_owned());
    let base = ArtifactRecord {
        bundle: "ab".to_owned(),
        source_map: None,
        sources: vec![file("index.ts", "c")],
        assets: None,
    };
    let variants = [
        ArtifactRecord {
            bundle: "a".to_owned(),
            ..base.clone()
        },
        ArtifactRecord {
            source_map: Some(String::new()),
            ..base.clone()
        },
        ArtifactRecord {
            sources: vec![file("index.t", "sc")],
            ..base.clone()
        },
        ArtifactRecord {
            sources: Vec::new(),
            ..base.clone()
        },
        ArtifactRecord {
            assets: Some(Vec::new()),
            ..base.clone()
        },
    ];
    for variant in &variants {
        assert_ne!(variant.hash(), base.hash(), "{variant:?}");
    }
    assert_eq!(base.clone().hash(), base.hash());
}

#[test]
fn a_hash_reads_back_what_it_prints() {
    let hash = artifact("x").hash();
    let text = hash.to_string();
    assert_eq!(text.len(), 64);
    assert_eq!(text.parse::<ArtifactHash>().unwrap(), hash);
    for bad in [
        "",
        "00",
        &text.to_uppercase(),
        &text[1..],
        &format!("{text}0"),
    ] {
        assert!(bad.parse::<ArtifactHash>().is_err(), "{bad}");
    }
    // 64 bytes, but no hexadecimal digits.
    assert!("ñ".repeat(32).parse::<ArtifactHash>().is_err());
}
