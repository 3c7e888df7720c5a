//! The audit trail: one entry per step of a change, and its pages.

use jelou_store::{LastTokenRule, SecretOwner, Way};

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
        .rollback(&actor(), function, None, Way::Rollback, None)
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
