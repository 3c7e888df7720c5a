//! Runtime tokens: creation, references, revocation.

use jelou_core::{FunctionId, TokenId};
use jelou_store::{LastTokenRule, NewRuntimeToken, Resource, StoreError};
use jelou_token::RuntimeToken;

use crate::fixture::{Fixture, actor, prefix, runtime_token, slug};

#[tokio::test]
async fn a_token_is_listed_as_it_was_created() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let expires_at = fixture.clock.now() + jiff::SignedDuration::from_hours(1);
    let new = NewRuntimeToken {
        expires_at: Some(expires_at),
        ..runtime_token("ci-staging")
    };
    let created = fixture
        .store
        .create_token(&actor(), &function.id, new.clone())
        .await
        .unwrap();
    assert_eq!(created.hash, new.hash);
    assert_eq!(created.created_by, "laptop");
    assert!(created.is_active(fixture.clock.now()));
    assert!(!created.is_active(expires_at));
    assert_eq!(
        fixture.store.list_tokens(&function.id).await.unwrap().rows,
        [created]
    );
}

/// The clock stands still, so some tokens were created in the same millisecond.
#[tokio::test]
async fn pages_have_each_token_once() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let function = fixture.function("mi-funcion").await;
    let other = fixture.function("otra").await;
    fixture.token(&other.id, "default").await;
    for name in ["a", "b", "c"] {
        fixture.token(&function.id, name).await;
    }
    let later = fixture.clock.now() + jiff::SignedDuration::from_secs(1);
    fixture.clock.set(later);
    for name in ["d", "e", "f"] {
        fixture.token(&function.id, name).await;
    }
    let all = store.list_tokens(&function.id).await.unwrap().rows;
    assert_eq!(store.count_tokens(&function.id).await.unwrap(), 6);
    for limit in 1..=7 {
        let (mut found, mut pages, mut after) = (Vec::new(), 0, None);
        loop {
            let page = store.token_page(&function.id, after.as_ref(), limit).await;
            let page = page.unwrap();
            assert!(page.tokens.rows.len() <= limit);
            found.extend(page.tokens.rows);
            pages += 1;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, all, "{limit}");
        assert_eq!(pages, 6_usize.div_ceil(limit), "{limit}");
    }

    // A page can follow a token that was revoked in the meantime, but not the token of another function.
    store
        .revoke_token(&actor(), &function.id, &all[2].id, LastTokenRule::Enforced)
        .await
        .unwrap();
    let page = store.token_page(&function.id, Some(&all[2].id), 2).await;
    assert_eq!(page.unwrap().tokens.rows, all[3..5]);
    let elsewhere = store.token_page(&other.id, Some(&all[3].id), 2).await;
    assert!(
        matches!(elsewhere, Err(StoreError::NotFound { .. })),
        "{elsewhere:?}"
    );
}

#[tokio::test]
async fn names_are_unique_among_the_unrevoked_tokens_of_a_function() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let other = fixture.function("otra").await;
    fixture.token(&function.id, "default").await;
    let first = fixture.token(&function.id, "ci").await;
    fixture.token(&other.id, "ci").await;

    let taken = fixture
        .store
        .create_token(&actor(), &function.id, runtime_token("ci"))
        .await;
    assert!(
        matches!(taken, Err(StoreError::Conflict { ref message }) if message.contains("`ci`")),
        "{taken:?}"
    );

    // A pipeline can create, revoke and recreate a token any number of times.
    let mut last = first;
    for _ in 0..3 {
        fixture
            .store
            .revoke_token(&actor(), &function.id, &last.id, LastTokenRule::Enforced)
            .await
            .unwrap();
        last = fixture.token(&function.id, "ci").await;
    }
    assert_eq!(
        fixture
            .store
            .list_tokens(&function.id)
            .await
            .unwrap()
            .rows
            .len(),
        2
    );
}

#[tokio::test]
async fn a_revoked_token_is_gone_from_lists_and_references() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let kept = fixture.token(&function.id, "default").await;
    let revoked = fixture.token(&function.id, "ci").await;
    fixture
        .store
        .revoke_token(&actor(), &function.id, &revoked.id, LastTokenRule::Enforced)
        .await
        .unwrap();
    assert_eq!(
        fixture.store.list_tokens(&function.id).await.unwrap().rows,
        [kept]
    );
    for reference in [revoked.id.as_str(), "ci", revoked.prefix.as_str()] {
        let answer = fixture.store.resolve_token(&function.id, reference).await;
        assert!(
            matches!(answer, Err(StoreError::NotFound { .. })),
            "{reference}: {answer:?}"
        );
    }
    let again = fixture
        .store
        .revoke_token(&actor(), &function.id, &revoked.id, LastTokenRule::Enforced)
        .await;
    assert!(
        matches!(again, Err(StoreError::NotFound { .. })),
        "{again:?}"
    );
}

#[tokio::test]
async fn a_token_of_another_function_cannot_be_revoked() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let other = fixture.function("otra").await;
    fixture.token(&other.id, "default").await;
    let token = fixture.token(&other.id, "ci").await;
    let answer = fixture
        .store
        .revoke_token(&actor(), &function.id, &token.id, LastTokenRule::Waived)
        .await;
    assert!(
        matches!(
            answer,
            Err(StoreError::NotFound {
                kind: Resource::RuntimeToken,
                ..
            })
        ),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_function_that_is_not_there_gets_no_token() {
    let fixture = Fixture::new().await;
    let answer = fixture
        .store
        .create_token(&actor(), &FunctionId::generate(), runtime_token("ci"))
        .await;
    assert!(
        matches!(
            answer,
            Err(StoreError::NotFound {
                kind: Resource::Function,
                ..
            })
        ),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_reference_is_an_id_a_name_or_a_prefix() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let dotted = fixture.token(&function.id, "ci..").await;
    let plain = fixture.token(&function.id, "ci").await;
    let with_prefix = NewRuntimeToken {
        prefix: prefix("jfn_rt_abc1"),
        ..runtime_token("known")
    };
    let known = fixture
        .store
        .create_token(&actor(), &function.id, with_prefix)
        .await
        .unwrap();
    for (reference, wanted) in [
        (known.id.as_str(), &known),
        ("known", &known),
        ("jfn_rt_abc1", &known),
        ("jfn_rt_abc1..", &known),
        ("jfn_rt_abc1...", &known),
        ("ci", &plain),
        ("ci..", &dotted),
    ] {
        let found = fixture
            .store
            .resolve_token(&function.id, reference)
            .await
            .unwrap();
        assert_eq!(found.id, wanted.id, "{reference}");
    }
    for reference in [
        "",
        "..",
        "jfn_rt_abc",
        "jfn_rt_ABC1",
        "KNOWN",
        TokenId::generate().as_str(),
    ] {
        let answer = fixture.store.resolve_token(&function.id, reference).await;
        assert!(
            matches!(answer, Err(StoreError::NotFound { .. })),
            "{reference}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn an_ambiguous_prefix_names_the_candidates() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let mut ids = Vec::new();
    for name in ["one", "two"] {
        let new = NewRuntimeToken {
            prefix: prefix("jfn_rt_abc1"),
            ..runtime_token(name)
        };
        let token = fixture
            .store
            .create_token(&actor(), &function.id, new)
            .await
            .unwrap();
        ids.push(token.id);
    }
    let answer = fixture
        .store
        .resolve_token(&function.id, "jfn_rt_abc1..")
        .await;
    let Err(StoreError::Conflict { message }) = answer else {
        panic!("{answer:?}");
    };
    for id in &ids {
        assert!(message.contains(id.as_str()), "{message}");
    }

    fixture
        .store
        .revoke_token(&actor(), &function.id, &ids[0], LastTokenRule::Enforced)
        .await
        .unwrap();
    let left = fixture
        .store
        .resolve_token(&function.id, "jfn_rt_abc1..")
        .await
        .unwrap();
    assert_eq!(left.id, ids[1]);
}

#[tokio::test]
async fn a_whole_token_given_as_a_reference_is_not_repeated() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let token = RuntimeToken::mint().unwrap();
    let error = fixture
        .store
        .resolve_token(&function.id, token.expose())
        .await
        .unwrap_err();
    assert!(!format!("{error} {error:?}").contains(token.expose()));
}

#[tokio::test]
async fn tokens_of_a_deleted_function_go_with_it() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    fixture.token(&function.id, "default").await;
    fixture
        .store
        .delete_function(&actor(), &slug("mi-funcion"))
        .await
        .unwrap();
    assert_eq!(
        fixture.count("SELECT count(*) FROM runtime_tokens").await,
        0
    );
}

/// Replacement is atomic: a failure must not leave the pipeline without a token.
#[tokio::test]
async fn a_token_takes_the_place_of_the_one_with_its_name() {
    let fixture = Fixture::new().await;
    let function = fixture.function("mi-funcion").await;
    let replace = || async {
        fixture
            .store
            .replace_token(&actor(), &function.id, runtime_token("ci"))
            .await
            .unwrap()
    };
    let first = replace().await;
    assert_eq!(first.former, None);
    let second = replace().await;
    assert_eq!(second.former, Some(first.token));
    assert_eq!(
        fixture.store.list_tokens(&function.id).await.unwrap().rows,
        [second.token]
    );
}
