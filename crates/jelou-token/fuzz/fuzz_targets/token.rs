//! Tests arbitrary bytes: no panic, the same answer from both checks, and no token after redaction.
#![no_main]

use jelou_token::{AccessToken, Kind, RuntimeToken, Token, redact};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &[u8]| {
    check::<jelou_token::Runtime>(value);
    check::<jelou_token::Access>(value);
    let Ok(text) = str::from_utf8(value) else {
        return;
    };
    let redacted = redact(text);
    assert_eq!(redact(&redacted), redacted);
    for window in redacted.as_bytes().windows(RuntimeToken::LEN) {
        assert!(RuntimeToken::parse_bytes(window).is_err());
    }
    for window in redacted.as_bytes().windows(AccessToken::LEN) {
        assert!(AccessToken::parse_bytes(window).is_err());
    }
});

fn check<K: Kind>(value: &[u8]) {
    let parsed = Token::<K>::parse_bytes(value).ok();
    assert_eq!(
        parsed.as_ref().map(Token::hash),
        Token::<K>::hash_presented(value)
    );
    if let Some(token) = parsed {
        assert_eq!(token.expose().as_bytes(), value);
    }
}
