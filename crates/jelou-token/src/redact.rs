//! Redacts tokens in other text.

use std::borrow::Cow;

use crate::format::{SHOWN_LEN, is_base62};
use crate::kind::PREFIXES;
use crate::scan::{Found, MARK, scan};

/// Like [`redact`], for the path of a URL. A receiver decodes the path, so each character of a token may be
/// percent-encoded. Returns `path` unchanged if it contains no token.
pub fn redact_path(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return redact(path);
    }
    match redact(&decode_token_characters(path)) {
        Cow::Owned(redacted) => Cow::Owned(redacted),
        Cow::Borrowed(_) => Cow::Borrowed(path),
    }
}

/// Decodes percent-encoded characters that can be part of a token.
fn decode_token_characters(path: &str) -> String {
    let mut parts = path.split('%');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part
            .get(..2)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = byte.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.filter(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            Some(byte) => {
                decoded.push(char::from(byte));
                decoded.push_str(&part[2..]);
            }
            None => {
                decoded.push('%');
                decoded.push_str(part);
            }
        }
    }
    decoded
}

/// Returns the offset of an incomplete token at the end of `text`, as a truncated text has it. Ignores complete tokens.
pub fn start_at_end(text: &str) -> Option<usize> {
    let last = text.as_bytes();
    let word = last
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_');
    let start = text.len() - word.count();
    let at = start + text[start..].rfind(MARK)?;
    let rest = &text[at..];
    PREFIXES
        .into_iter()
        .any(|prefix| {
            rest.strip_prefix(prefix)
                .is_some_and(|body| is_base62(body.as_bytes()))
        })
        .then_some(at)
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RuntimeToken;

    #[test]
    fn a_percent_encoded_token_in_a_path_is_truncated() {
        let token = RuntimeToken::mint().unwrap();
        let token = token.expose();
        let all: Vec<String> = token.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let all = all.concat();
        for spelling in [
            token.to_owned(),
            token.replacen('j', "%6a", 1),
            token.replacen('j', "%6A", 1),
            token.replace('_', "%5F"),
            format!(
                "{}%{:02x}",
                &token[..token.len() - 1],
                token.as_bytes()[token.len() - 1]
            ),
            all,
        ] {
            let path = format!("/a%20b/{spelling}/c");
            assert_eq!(redact_path(&path), format!("/a%20b/{}.../c", &token[..11]));
        }
        for path in ["/%6afn", "/a%2", "/a%zz%", "/%c3%b1", "/%+1"] {
            assert!(matches!(redact_path(path), Cow::Borrowed(same) if same == path));
        }
    }

    #[test]
    fn the_start_of_a_token_is_found_at_the_end_of_a_text() {
        for (text, start) in [
            ("key jfn_rt_abc", Some(4)),
            ("jfn_pat_", Some(0)),
            ("xjfn_rt_a", Some(1)),
            ("jfn_rt_a b", None),
            ("jfn_xx_a", None),
            ("jfn_", None),
            ("", None),
        ] {
            assert_eq!(start_at_end(text), start, "{text}");
        }
    }
}
