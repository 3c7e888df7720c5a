//! Escapes characters that must not reach a terminal.
//!
//! Text of callers, functions and files may contain characters that move the cursor, change the direction of the text,
//! or are invisible. Such text could forge lines, or make a name look like another one.

use std::borrow::Cow;

/// Escapes control characters and invisible characters. Keeps line feeds, tabs and the two joiners (U+200C, U+200D),
/// which Persian and emoji need.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_printable) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_printable(character) {
            escaped.push(character);
        } else if character == '\r' {
            escaped.push_str("\\r");
        } else {
            escaped.extend(character.escape_unicode());
        }
    }
    Cow::Owned(escaped)
}

/// Escapes the same characters in JSON text. The result has the same meaning.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    if json.chars().all(|c| is_printable(c) || c == '\r') {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 8);
    for character in json.chars() {
        // Raw control characters occur in JSON only as white space between values, which is printable.
        if is_printable(character) || character == '\r' {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            use std::fmt::Write as _;
            // Writing to a string cannot fail.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    Cow::Owned(escaped)
}

fn is_printable(character: char) -> bool {
    match character {
        '\n' | '\t' | '\u{200c}' | '\u{200d}' => true,
        _ => !character.is_control() && !is_invisible(character),
    }
}

/// Whether the character is invisible or changes the direction of the text: direction marks, joiners, zero-width spaces
/// and tags (Unicode, general category Cf), and the two separators of lines and paragraphs.
pub fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Characters that must not reach a terminal, one of each kind.
    const HIDDEN: [char; 11] = [
        '\u{1b}',
        '\u{7f}',
        '\u{9b}',
        '\u{ad}',
        '\u{200b}',
        '\u{202e}',
        '\u{2028}',
        '\u{2066}',
        '\u{feff}',
        '\u{e0041}',
        '\r',
    ];

    #[test]
    fn control_and_invisible_characters_are_escaped() {
        for character in HIDDEN {
            let shown = printable(&format!("a{character}b")).into_owned();
            assert!(!shown.contains(character), "{shown}");
            assert!(shown.starts_with("a\\") && shown.ends_with('b'), "{shown}");
        }
        assert_eq!(printable("a\u{1b}[2Jb\rc\u{9b}"), "a\\u{1b}[2Jb\\rc\\u{9b}");
        for text in [
            "línea\n\tdos ✓",
            "👩\u{200d}👧",
            "می\u{200c}خواهم",
            "日本 😀",
        ] {
            assert!(matches!(printable(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn escaped_json_has_the_same_meaning() {
        for character in HIDDEN {
            let value = serde_json::json!({ "a": format!("x{character}y") });
            let json = value.to_string();
            let shown = printable_json(&json);
            assert!(!shown.contains(character), "{shown}");
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&shown).unwrap(),
                value
            );
        }
    }
}
