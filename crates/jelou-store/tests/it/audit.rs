//! The audit trail: one entry per step of a change, and its pages.

use jelou_core::api::{AuditEntry, AuditHead, Patch, UpdateToken};
use jelou_core::audit_chain::{ChainFault, Verifier};
use jelou_store::{ActivationKind, LastTokenRule, SecretOwner};
use serde_json::json;

use crate::fixture::{Fixture, actor, deployer_token, deployment, first_token, secret_key, slug};

#[tokio::test]
async fn every_change_leaves_an_entry() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let deployed = store
        .deploy(&actor(), deployment("mi-funcion", "v1"), first_token)
        .await
        .unwrap();
    let function = &deployed.function.id;
    store
        .deploy(&actor(), deployment("mi-funcion", "v2"), first_token)
        .await
        .unwrap();
    store
        .rollback(&actor(), function, None, ActivationKind::Rollback, None)
        .await
        .unwrap();
    let token = fixture.token(function, "ci").await;
    store
        .revoke_token(&actor(), function, &token.id, LastTokenRule::Enforced)
        .await
        .unwrap();
    let owner = SecretOwner::Function(function.clone());
    fixture.set(&owner, "A", "1").await;
    store
        .delete_secret(&actor(), &owner, &secret_key("A"))
        .await
        .unwrap();
    let access = store
        .create_access_token(&actor(), deployer_token("ci"))
        .await
        .unwrap();
    store
        .revoke_access_token(&actor(), &access.id)
        .await
        .unwrap();
    fixture.function("otra").await;
    store
        .delete_function(&actor(), &slug("otra"))
        .await
        .unwrap();

    let mut trail = store.audit(None, 100).await.unwrap().items;
    trail.reverse();
    let seen: Vec<_> = trail
        .iter()
        .map(|entry| (entry.action.as_str(), entry.function.as_deref()))
        .collect();
    let mine = Some("mi-funcion");
    assert_eq!(
        seen,
        [
            ("function.create", mine),
            ("deployment.create", mine),
            ("token.create", mine),
            ("deployment.create", mine),
            ("deployment.rollback", mine),
            ("token.create", mine),
            ("token.revoke", mine),
            ("secret.set", mine),
            ("secret.delete", mine),
            ("access_token.create", None),
            ("access_token.revoke", None),
            ("function.create", Some("otra")),
            ("function.delete", Some("otra")),
        ]
    );
    assert!(trail.iter().all(|entry| entry.actor == actor().id));
    assert!(trail.iter().all(|entry| entry.at == fixture.clock.now()));
    assert_eq!(trail[6].target, token.id.as_str());
    assert_eq!(trail[6].detail.as_deref(), Some("ci"));
    assert_eq!(trail[7].target, "A");
    // The last entry's id is the revision.
    assert_eq!(trail.last().unwrap().id, store.revision().await.unwrap());
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let fixture = Fixture::new().await;
    for n in 0..7 {
        fixture.function(&format!("f{n}")).await;
    }
    let mut before = None;
    let mut pages = Vec::new();
    loop {
        let page = fixture.store.audit(before, 3).await.unwrap();
        pages.push(page.items.iter().map(|entry| entry.id).collect::<Vec<_>>());
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(pages, [vec![7, 6, 5], vec![4, 3, 2], vec![1]]);

    let exact = fixture.store.audit(None, 7).await.unwrap();
    assert_eq!((exact.items.len(), exact.next), (7, None));
    let none = fixture.store.audit(Some(1), 3).await.unwrap();
    assert_eq!((none.items.len(), none.next), (0, None));
    // A limit of 0 must not give an empty page: the next pages would never end.
    assert_eq!(fixture.store.audit(None, 0).await.unwrap().items.len(), 1);
    assert_eq!(
        fixture
            .store
            .audit(None, usize::MAX)
            .await
            .unwrap()
            .items
            .len(),
        7
    );
}

/// Reads all entries, oldest first.
async fn trail(fixture: &Fixture) -> (Vec<AuditEntry>, AuditHead) {
    let mut entries = Vec::new();
    let mut after = 0;
    loop {
        let page = fixture.store.audit_after(after, 2).await.unwrap();
        entries.extend(page.items);
        match page.next {
            Some(next) => after = next,
            None => return (entries, page.head.unwrap()),
        }
    }
}

fn verified(entries: &[AuditEntry]) -> Result<Verifier, ChainFault> {
    let mut verifier = Verifier::default();
    entries.iter().try_for_each(|entry| verifier.add(entry))?;
    Ok(verifier)
}

#[tokio::test]
async fn the_trail_is_a_hash_chain_and_the_revision_has_its_end() {
    let fixture = Fixture::new().await;
    let function = fixture.function("a").await.id;
    let token = fixture.token(&function, "ci").await;
    let update = UpdateToken {
        rate: Patch::Set("5/m".parse().unwrap()),
        ..UpdateToken::default()
    };
    let rule = LastTokenRule::Enforced;
    let store = &fixture.store;
    store
        .update_token(&actor(), &function, &token.id, update, rule)
        .await
        .unwrap();
    let (entries, head) = trail(&fixture).await;
    let verifier = verified(&entries).unwrap();
    assert_eq!(verifier.end(head.id, head.hash.as_deref().unwrap()), Ok(()));
    assert_eq!(head.id, store.revision().await.unwrap());
    let updated = entries.last().unwrap();
    assert_eq!(updated.action, "token.update");
    assert_eq!(updated.actor_name.as_deref(), Some("laptop"));
    assert_eq!(updated.before, Some(json!({ "rate": null })));
    assert_eq!(updated.after, Some(json!({ "rate": "5/m" })));
    // Data that is not configuration leaves no entry.
    store
        .record_last_used(&[(token.id.clone(), 1_800_000_000_000)])
        .await
        .unwrap();
    assert_eq!(trail(&fixture).await.1, head);
}

#[tokio::test]
async fn the_entries_of_an_earlier_release_get_their_hashes_when_the_database_is_opened() {
    let fixture = Fixture::new().await;
    for n in 0..5 {
        fixture.function(&format!("f{n}")).await;
    }
    let (before, head) = trail(&fixture).await;
    // Imitates entries of an earlier release, without hashes, and entries that it wrote after a downgrade.
    for statement in [
        "UPDATE audit SET hash = NULL, previous_hash = NULL",
        "UPDATE audit SET hash = NULL, previous_hash = NULL WHERE id > 3",
    ] {
        fixture.execute(statement).await;
        fixture.open_again().await;
        let (after, head_after) = trail(&fixture).await;
        assert_eq!((&after, &head_after), (&before, &head), "{statement}");
    }
    // The next change continues the chain.
    fixture.function("next").await;
    let (entries, head) = trail(&fixture).await;
    let verifier = verified(&entries).unwrap();
    assert_eq!(verifier.end(head.id, head.hash.as_deref().unwrap()), Ok(()));
}
