//! Pins the immutable ids behind a name, because a new owner of the name has different ids.

use std::collections::BTreeMap;

use super::{Claims, Issuer, text_of};

/// The error for an identity token without the pinned ids.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    #[error(
        "the claim `{claim}` is `{found}`, not `{pinned}` as before: the name belongs to another owner or repository now"
    )]
    Other {
        claim: &'static str,
        pinned: String,
        found: String,
    },
    #[error("the claim `{0}` is absent")]
    Absent(&'static str),
}

/// Compares the ids of an identity token with the pinned ids. Returns all ids to pin from now on, or `None` if nothing
/// changes.
///
/// # Errors
/// An id is absent or differs from the pinned id.
pub fn pin(
    issuer: Issuer,
    pinned: &BTreeMap<String, String>,
    claims: &Claims,
) -> Result<Option<BTreeMap<String, String>>, PinError> {
    let mut all = pinned.clone();
    for claim in issuer.pinned_claims() {
        let found = text_of(claims, claim).ok_or(PinError::Absent(claim))?;
        match pinned.get(*claim) {
            Some(pinned) if *pinned != found => {
                return Err(PinError::Other {
                    claim,
                    pinned: pinned.clone(),
                    found,
                });
            }
            Some(_) => {}
            None => {
                all.insert((*claim).to_owned(), found);
            }
        }
    }
    Ok((all != *pinned).then_some(all))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_ids_are_pinned() {
        let of = |owner: &str, repository: &str| -> Claims {
            let claims = json!({ "repository_owner_id": owner, "repository_id": repository });
            claims.as_object().unwrap().clone()
        };
        let pinned = pin(Issuer::Github, &BTreeMap::new(), &of("1", "2"));
        let pinned = pinned.unwrap().unwrap();
        assert_eq!(pin(Issuer::Github, &pinned, &of("1", "2")), Ok(None));
        for (owner, repository, claim) in [
            ("3", "2", "repository_owner_id"),
            ("1", "3", "repository_id"),
        ] {
            let error = pin(Issuer::Github, &pinned, &of(owner, repository)).unwrap_err();
            assert!(error.to_string().contains(claim), "{error}");
        }
        assert!(pin(Issuer::Github, &pinned, &Claims::new()).is_err());
        // One id is already pinned, the other one is new.
        let known = [("repository_owner_id".to_owned(), "1".to_owned())].into();
        assert!(
            pin(Issuer::Github, &known, &of("1", "9"))
                .unwrap()
                .is_some()
        );
        assert!(pin(Issuer::Github, &known, &of("2", "9")).is_err());
        assert_eq!(
            pin(Issuer::Other, &BTreeMap::new(), &Claims::new()),
            Ok(None)
        );
    }
}
