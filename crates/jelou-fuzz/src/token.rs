//! Fuzz target for the format of tokens.

use jelou_token::{AccessToken, Kind, RuntimeToken, Token, redact};

/// Checks tokens: both checks give the same answer, and redaction leaves no token.
///
/// # Panics
/// If a rule is broken.
pub fn token(data: &[u8]) {
    check::<jelou_token::Runtime>(data);
    check::<jelou_token::Access>(data);
    let Ok(text) = str::from_utf8(data) else {
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
}

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
