//! Tests the published vectors of `VECTORS.md`.

use jelou_token::{Kind, ParseTokenError, Token};

const VECTORS: &str = include_str!("../../VECTORS.md");

#[test]
fn valid_vectors() {
    let rows = rows("## Valid");
    assert_eq!(rows.len(), 12);
    for [kind, token, crc, shown, hash] in rows {
        match kind {
            "runtime" => assert_valid::<jelou_token::Runtime>(token, crc, shown, hash),
            "access" => assert_valid::<jelou_token::Access>(token, crc, shown, hash),
            other => panic!("unknown kind {other}"),
        }
    }
}

#[test]
fn invalid_vectors() {
    let rows = rows("## Invalid");
    assert_eq!(rows.len(), 28);
    for [kind, value, error, why] in rows {
        match kind {
            "runtime" => assert_invalid::<jelou_token::Runtime>(value, error, why),
            "access" => assert_invalid::<jelou_token::Access>(value, error, why),
            other => panic!("unknown kind {other}"),
        }
    }
}

fn assert_valid<K: Kind>(text: &str, crc: &str, shown: &str, hash: &str) {
    let token = Token::<K>::parse(text).unwrap();
    assert_eq!(token.expose(), text);
    assert_eq!(text.len(), Token::<K>::LEN);
    assert_eq!(base62_value(&text[text.len() - 6..]), crc);
    assert_eq!(token.display_prefix().as_str(), shown);
    assert_eq!(hex(token.hash().as_bytes()), hash);
    assert_eq!(
        Token::<K>::hash_presented(text.as_bytes()),
        Some(token.hash())
    );
}

fn assert_invalid<K: Kind>(value: &str, error: &str, why: &str) {
    let found = match Token::<K>::parse(value) {
        Ok(_) => "none",
        Err(ParseTokenError::Prefix { .. }) => "prefix",
        Err(ParseTokenError::Length { .. }) => "length",
        Err(ParseTokenError::Alphabet) => "alphabet",
        Err(ParseTokenError::Checksum) => "checksum",
    };
    assert_eq!(found, error, "{why}");
    assert_eq!(Token::<K>::hash_presented(value.as_bytes()), None, "{why}");
}

/// Returns the rows of the table under `heading`, without backticks.
fn rows<const COLUMNS: usize>(heading: &str) -> Vec<[&'static str; COLUMNS]> {
    VECTORS
        .split_once(heading)
        .expect("the heading is there")
        .1
        .lines()
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| {
            let cells: Vec<_> = line
                .trim_matches('|')
                .split('|')
                .map(|cell| {
                    let cell = cell.trim();
                    cell.strip_prefix('`')
                        .and_then(|code| code.strip_suffix('`'))
                        .unwrap_or(cell)
                })
                .collect();
            cells.try_into().expect("a cell for each column")
        })
        .collect()
}

fn base62_value(digits: &str) -> String {
    let value = digits.bytes().fold(0_u64, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'A'..=b'Z' => digit - b'A' + 10,
            _ => digit - b'a' + 36,
        };
        value * 62 + u64::from(digit)
    });
    format!("{value:08x}")
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}
