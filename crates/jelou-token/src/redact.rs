//! Redacts tokens in other text.

use std::borrow::Cow;

use crate::format::{self, SHOWN_LEN, SUFFIX_LEN};
use crate::kind::PREFIXES;

/// What all prefixes start with.
const MARK: &str = "jfn_";

/// Truncates each token in `text` to its display prefix and `...`.
///
/// The pattern is that of a secret scanner, `jfn_(rt|pat)_[0-9A-Za-z]{38}`. The checksum is not
/// checked, because a token with a typing error reveals nearly as much. Unlike with a regular
/// expression, matches may overlap, so text before a token cannot hide it. Text without a token is
/// returned without an allocation.
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut redacted = String::new();
    let mut done = 0;
    for (start, _) in text.match_indices(MARK) {
        let Some(prefix) = prefix_of_token_at(&text[start..]) else {
            continue;
        };
        // Empty when this token starts inside the one before.
        redacted.push_str(text.get(done..start).unwrap_or_default());
        redacted.push_str(&text[start..start + prefix.len() + SHOWN_LEN]);
        redacted.push_str("...");
        done = start + prefix.len() + SUFFIX_LEN;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    redacted.push_str(&text[done..]);
    Cow::Owned(redacted)
}

/// The prefix of the kind, when `text` starts with something that looks like a token.
fn prefix_of_token_at(text: &str) -> Option<&'static str> {
    PREFIXES.into_iter().find(|prefix| {
        text.strip_prefix(prefix)
            .and_then(|rest| rest.as_bytes().get(..SUFFIX_LEN))
            .is_some_and(format::is_base62)
    })
}
