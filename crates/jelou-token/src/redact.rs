//! Redacts tokens in other text.

use std::borrow::Cow;

use crate::format::SHOWN_LEN;
use crate::scan::{Found, scan};

/// Truncates each token in `text` to its display prefix and `...`.
///
/// The checksum is not checked, because a mistyped token still reveals most of the secret. Text
/// without a token is returned without an allocation.
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut redacted = String::new();
    let mut done = 0;
    for Found {
        start,
        value,
        prefix,
    } in scan(text)
    {
        // `get` returns `None` when this token starts inside the previous one.
        redacted.push_str(text.get(done..start).unwrap_or_default());
        redacted.push_str(&value[..prefix.len() + SHOWN_LEN]);
        redacted.push_str("...");
        done = start + value.len();
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    redacted.push_str(&text[done..]);
    Cow::Owned(redacted)
}
