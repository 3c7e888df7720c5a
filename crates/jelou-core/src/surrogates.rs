//! Lone surrogates in JSON. JavaScript's `JSON.stringify` writes them as `\ud800`. A Rust string cannot contain them.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

/// Parses JSON that JavaScript may have written. Lone surrogates become the replacement character.
///
/// # Errors
/// The bytes are not UTF-8, not JSON, or not a `T`.
pub fn parse_json<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    match str::from_utf8(json) {
        Ok(text) => serde_json::from_str(&well_formed_json(text)),
        Err(_) => serde_json::from_slice(json),
    }
}

/// Replaces the escapes of lone surrogates in JSON by the replacement character, as `toWellFormed` does in JavaScript.
pub fn well_formed_json(json: &str) -> Cow<'_, str> {
    if !json.contains("\\u") {
        return Cow::Borrowed(json);
    }
    let mut formed = String::new();
    let (mut done, mut at) = (0, 0);
    while let Some(found) = json[at..].find('\\') {
        at += found;
        let Some(unit) = unit_at(json, at) else {
            // Every other escape is two characters long; the second may be a backslash.
            at = json.ceil_char_boundary(at + 2);
            continue;
        };
        let is_pair = matches!(unit, 0xd800..=0xdbff)
            && unit_at(json, at + 6).is_some_and(|next| matches!(next, 0xdc00..=0xdfff));
        if is_pair {
            at += 12;
            continue;
        }
        if matches!(unit, 0xd800..=0xdfff) {
            formed.push_str(&json[done..at]);
            formed.push_str("\\ufffd");
            done = at + 6;
        }
        at += 6;
    }
    if done == 0 {
        return Cow::Borrowed(json);
    }
    formed.push_str(&json[done..]);
    Cow::Owned(formed)
}

/// Returns the code unit of the escape `\uXXXX` at this offset.
fn unit_at(json: &str, at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix("\\u")?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex
        .then(|| u16::from_str_radix(digits, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lone_surrogates_are_replaced() {
        for (json, expected) in [
            (r#"["b\ud800b"]"#, r#"["b\ufffdb"]"#),
            (r#"["\uDC00"]"#, r#"["\ufffd"]"#),
            (r#"["\ud83d\ude00"]"#, r#"["\ud83d\ude00"]"#),
            (r#"["\ud83d\ud83d\ude00"]"#, r#"["\ufffd\ud83d\ude00"]"#),
            (r#"["\ud800\\udc00"]"#, r#"["\ufffd\\udc00"]"#),
            (r#"["\\ud800"]"#, r#"["\\ud800"]"#),
            (r#"["\u00f1\n"]"#, r#"["\u00f1\n"]"#),
            (r#"["\ud8"#, r#"["\ud8"#),
            ("\\ñ\\ud800", "\\ñ\\ufffd"),
            ("\\u", "\\u"),
        ] {
            assert_eq!(well_formed_json(json), expected, "{json}");
        }
    }
}
