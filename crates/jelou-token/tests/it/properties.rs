//! Properties that hold for every token and every text.

use jelou_token::{Access, Kind, Runtime, Token, TokenHash, redact};
use proptest::prelude::*;

/// Mints tokens instead of generating their text, so that the checksum is always valid. Failing cases cannot shrink.
fn any_token<K: Kind>() -> impl Strategy<Value = Token<K>> {
    Just(()).prop_map(|()| Token::mint().unwrap())
}

fn assert_round_trip<K: Kind>(token: &Token<K>) {
    let text = token.expose();
    let parsed = Token::<K>::parse(text).unwrap();
    assert_eq!(parsed.expose(), text);
    assert_eq!(parsed.hash(), token.hash());
    assert_eq!(
        Token::<K>::hash_presented(text.as_bytes()),
        Some(token.hash())
    );
    assert_eq!(
        TokenHash::from_bytes(*token.hash().as_bytes()),
        token.hash()
    );

    let shown = token.display_prefix();
    assert_eq!(shown.as_str(), &text[..K::PREFIX.len() + 4]);
    assert_eq!(shown.to_string().parse(), Ok(shown));
}

fn assert_refused<K: Kind>(value: &[u8]) {
    assert!(Token::<K>::parse_bytes(value).is_err());
    assert_eq!(Token::<K>::hash_presented(value), None);
}

fn assert_each_change_is_refused<K: Kind>(token: &Token<K>, place: usize, byte: u8) {
    let mut value = token.expose().as_bytes().to_vec();
    let place = place % value.len();
    change(&mut value[place], byte);
    assert_refused::<K>(&value);
}

/// Sets `place` to `byte`, or to a different value if it is `byte` already.
fn change(place: &mut u8, byte: u8) {
    *place = if *place == byte { byte ^ 1 } else { byte };
}

/// Returns whether a secret scanner would find a token. Unlike [`redact`], this tests each window of a token's length.
fn has_token(text: &str) -> bool {
    [("jfn_rt_", 45), ("jfn_pat_", 46)]
        .into_iter()
        .any(|(prefix, len)| {
            text.as_bytes().windows(len).any(|window| {
                window.starts_with(prefix.as_bytes())
                    && window[prefix.len()..].iter().all(u8::is_ascii_alphanumeric)
            })
        })
}

proptest! {
    #[test]
    fn a_token_survives_a_round_trip(runtime in any_token::<Runtime>(), access in any_token::<Access>()) {
        assert_round_trip(&runtime);
        assert_round_trip(&access);
        assert_refused::<Access>(runtime.expose().as_bytes());
        assert_refused::<Runtime>(access.expose().as_bytes());
    }

    #[test]
    fn any_changed_byte_is_refused(
        runtime in any_token::<Runtime>(),
        access in any_token::<Access>(),
        place in any::<usize>(),
        byte in prop_oneof![any::<u8>(), prop::char::range('0', 'z').prop_map(|char| char as u8)],
    ) {
        assert_each_change_is_refused(&runtime, place, byte);
        assert_each_change_is_refused(&access, place, byte);
    }

    #[test]
    fn a_lost_or_added_byte_is_refused(token in any_token::<Runtime>(), place in 0..45_usize, byte: u8) {
        let mut lost = token.expose().as_bytes().to_vec();
        lost.remove(place);
        assert_refused::<Runtime>(&lost);
        let mut added = token.expose().as_bytes().to_vec();
        added.insert(place, byte);
        assert_refused::<Runtime>(&added);
    }

    /// A random token has a valid checksum once in 2^32 cases.
    #[test]
    fn random_bytes_are_refused(value: Vec<u8>, well_formed in "jfn_(rt|pat)_[0-9A-Za-z]{38}") {
        for value in [&value, well_formed.as_bytes()] {
            assert_refused::<Runtime>(value);
            assert_refused::<Access>(value);
        }
    }

    #[test]
    fn redacting_any_text_leaves_no_token(text: String) {
        prop_assert_eq!(redact(&text), text.as_str());
    }

    /// The text consists of pieces of tokens, so that almost valid tokens and overlaps occur.
    #[test]
    fn redacting_leaves_no_token(
        pieces in prop::collection::vec(
            prop_oneof![
                Just("jfn_rt_".to_owned()),
                Just("jfn_pat_".to_owned()),
                Just("jfn_".to_owned()),
                Just("...".to_owned()),
                "[0-9A-Za-z]{30,39}",
                "jfn_(rt|pat)_[0-9A-Za-z]{38}",
                "[ñ_. ]{0,2}",
            ],
            0..8,
        ),
    ) {
        let text = pieces.concat();
        let redacted = redact(&text);
        prop_assert!(!has_token(&redacted), "{}", redacted);
        prop_assert_eq!(redacted != text, has_token(&text));
        prop_assert_eq!(redact(&redacted), redacted.as_ref());
    }

    #[test]
    fn a_minted_token_in_text_is_truncated(before: String, token in any_token::<Runtime>(), after in "[^0-9A-Za-z]*") {
        let redacted = redact(&format!("{before}{}{after}", token.expose())).into_owned();
        prop_assert_eq!(redacted, format!("{before}{}...{after}", token.display_prefix()));
    }
}
