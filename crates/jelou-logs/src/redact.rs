//! Masks the secrets of a function, in all encodings that are usual in output.

use std::borrow::Cow;
use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use serde_json::value::RawValue;

/// The text that replaces a secret.
pub const MASKED: &str = "[masked]";
/// Minimum length of a secret that is masked. Shorter secrets would match in too many places.
pub const MIN_SECRET_BYTES: usize = 8;

/// Length of the pieces of a long secret, which are masked one by one, because a line may contain only a part of it.
const PIECE_BYTES: usize = 64;
/// Maximum bytes of all forms of a function's secrets. Further secrets are not masked.
const MAX_FORM_BYTES: usize = 4 * 1024 * 1024;

/// The characters that `encodeURIComponent` does not escape.
const URL_COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Minimum length of the start of a secret that is masked where a text was cut.
const MIN_START_BYTES: usize = 4;
/// The character that marks where a text was cut. The engine, the SDK and this crate all use it.
const CUT: char = '…';
/// Maximum number of cuts of one text that are examined, counted from its end.
const MAX_CUTS: usize = 8;

/// Finds and masks the secrets of one function.
#[derive(Default)]
pub(crate) struct Redactor(Option<Finder>);

struct Finder {
    whole: AhoCorasick,
    /// All forms of the secrets, sorted, so that a binary search finds the forms with a given prefix.
    forms: Vec<String>,
    longest: usize,
}

impl Redactor {
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut forms = BTreeSet::new();
        let mut bytes = 0;
        for secret in secrets {
            if secret.len() < MIN_SECRET_BYTES {
                continue;
            }
            let mut own = BTreeSet::new();
            for piece in pieces(secret) {
                add_forms(&piece, &mut own);
            }
            bytes += own.iter().map(String::len).sum::<usize>();
            if bytes > MAX_FORM_BYTES {
                tracing::warn!(
                    "the secrets of a function are too large to mask all of them in its log"
                );
                break;
            }
            forms.extend(own);
        }
        if forms.is_empty() {
            return Self(None);
        }
        let finder = AhoCorasickBuilder::new()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&forms);
        match finder {
            Ok(whole) => Self(Some(Finder {
                whole,
                longest: forms.iter().map(String::len).max().unwrap_or_default(),
                forms: forms.into_iter().collect(),
            })),
            Err(error) => {
                tracing::error!(%error, "cannot search the log of a function for its secrets");
                Self(None)
            }
        }
    }

    fn finds(&self, text: &str) -> bool {
        self.0
            .as_ref()
            .is_some_and(|finder| finder.whole.is_match(text))
    }

    /// Masks the secrets and the tokens in a text.
    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = jelou_token::redact(text);
        if let Some(finder) = &self.0
            && finder.whole.is_match(text.as_ref())
        {
            text = Cow::Owned(masked(&finder.whole, &text));
        }
        match self.without_starts(&text) {
            Some(masked) => Cow::Owned(masked),
            None => text,
        }
    }

    /// Masks the secrets and the tokens in the path of a URL, also if characters of a token are percent-encoded.
    pub(crate) fn path(&self, path: &str) -> String {
        self.text(&jelou_token::redact_path(path)).into_owned()
    }

    /// Masks the start of a secret or a token at each place where the text was cut. `None` if there is none.
    fn without_starts(&self, text: &str) -> Option<String> {
        let mut cuts: Vec<_> = text.rmatch_indices(CUT).take(MAX_CUTS).collect();
        cuts.reverse();
        let mut masked = String::new();
        let mut done = 0;
        for (cut, _) in cuts {
            let Some(start) = self.start_before(&text[..cut]).filter(|at| *at >= done) else {
                continue;
            };
            masked.push_str(&text[done..start]);
            masked.push_str(MASKED);
            done = cut;
        }
        (done > 0).then(|| {
            masked.push_str(&text[done..]);
            masked
        })
    }

    /// Returns the offset of the longest suffix of the text that is a prefix of a secret or of a token.
    fn start_before(&self, text: &str) -> Option<usize> {
        let of_token = jelou_token::start_at_end(text);
        let of_secret = self.0.as_ref().and_then(|finder| {
            let last = text.len().checked_sub(MIN_START_BYTES)?;
            (text.len().saturating_sub(finder.longest)..=last)
                .filter(|at| text.is_char_boundary(*at))
                .find(|at| finder.begins_with(&text[*at..]))
        });
        of_token.into_iter().chain(of_secret).min()
    }

    /// Masks the secrets and the tokens in a JSON list. The result is also a JSON list.
    pub(crate) fn json(&self, json: Box<RawValue>) -> Box<RawValue> {
        let json = match jelou_token::redact(json.get()) {
            Cow::Borrowed(_) => json,
            Cow::Owned(redacted) => raw(redacted),
        };
        if !self.finds(json.get()) && !json.get().contains(CUT) {
            return json;
        }
        let Ok(mut value) = serde_json::from_str::<Value>(json.get()) else {
            // For example, a number is too large, or the values are nested too deeply.
            return raw(Value::from(vec![self.text(json.get())]).to_string());
        };
        self.leaves(&mut value);
        let text = value.to_string();
        if self.finds(&text) {
            // The secret spans several values, for example because the function parsed a JSON secret and logged the
            // result.
            return raw(Value::from(vec![self.text(&text).into_owned()]).to_string());
        }
        raw(text)
    }

    fn leaves(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(masked) = self.text(text) {
                    *text = masked;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.leaves(item)),
            Value::Object(fields) => {
                let own = std::mem::take(fields);
                for (key, mut value) in own {
                    self.leaves(&mut value);
                    fields.insert(self.text(&key).into_owned(), value);
                }
            }
            Value::Number(number) => {
                if self.finds(&number.to_string()) {
                    *value = MASKED.into();
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }
}

impl Finder {
    /// Whether a form of a secret begins with the text.
    fn begins_with(&self, start: &str) -> bool {
        let at = self.forms.partition_point(|form| form.as_str() < start);
        self.forms
            .get(at)
            .is_some_and(|form| form.starts_with(start))
    }
}

/// Returns the text with each secret replaced by one mask. Adjacent pieces of a secret get one mask together.
fn masked(finder: &AhoCorasick, text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    for found in finder.find_iter(text) {
        if found.start() > done || !masked.ends_with(MASKED) {
            masked.push_str(&text[done..found.start()]);
            masked.push_str(MASKED);
        }
        done = found.end();
    }
    masked.push_str(&text[done..]);
    masked
}

/// Wraps text that is JSON by construction. Anything else becomes `null`.
fn raw(json: String) -> Box<RawValue> {
    RawValue::from_string(json).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// Returns the parts of a secret to mask: a short secret itself, each line of a long secret or of a secret with several
/// lines, and each string of a JSON secret. A long line is cut into pieces.
fn pieces(secret: &str) -> BTreeSet<String> {
    let mut pieces = BTreeSet::new();
    let mut add = |text: &str| {
        if text.len() >= MIN_SECRET_BYTES {
            pieces.insert(text.to_owned());
        }
    };
    if secret.len() <= 2 * PIECE_BYTES {
        add(secret);
    }
    if secret.len() > 2 * PIECE_BYTES || secret.contains('\n') {
        for line in secret.lines().map(str::trim) {
            let mut rest = line;
            while rest.len() > 2 * PIECE_BYTES {
                let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES));
                add(piece);
                rest = after;
            }
            add(rest);
        }
    }
    if let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(secret) {
        each_text(&value, &mut |text| {
            if text != secret {
                pieces.extend(self::pieces(text));
            }
        });
    }
    pieces
}

fn each_text(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => found(text),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| each_text(field, found)),
        _ => {}
    }
}

fn add_forms(piece: &str, forms: &mut BTreeSet<String>) {
    let mut add = |form: String| {
        if form.len() >= MIN_SECRET_BYTES {
            forms.insert(form);
        }
    };
    let once = in_json(piece);
    add(in_json(&once));
    add(once);
    add(piece.to_owned());
    for set in [URL_COMPONENT, NON_ALPHANUMERIC] {
        let encoded = utf8_percent_encode(piece, set).to_string();
        // The encoding of form data (`application/x-www-form-urlencoded`).
        add(encoded.replace("%20", "+"));
        add(lower_escapes(&encoded));
        add(encoded);
    }
    // `URL` leaves most characters of a path or a query unescaped, but not spaces.
    add(piece.replace(' ', "%20"));
    add_base64(piece.as_bytes(), &mut add);
    // `btoa` encodes Latin-1: one byte for each character.
    let latin1: Option<Vec<u8>> = piece.chars().map(|c| u8::try_from(c).ok()).collect();
    if let Some(latin1) = latin1.filter(|_| !piece.is_ascii()) {
        add_base64(&latin1, &mut add);
    }
    let digits = b"0123456789abcdef";
    let both =
        |byte: u8| [byte >> 4, byte & 15].map(|digit| char::from(digits[usize::from(digit)]));
    let hex: String = piece.bytes().flat_map(both).collect();
    add(hex.to_uppercase());
    add(hex);
}

/// Adds the base64 forms of the bytes, for each of the three offsets at which they can begin in a longer text.
fn add_base64(piece: &[u8], add: &mut impl FnMut(String)) {
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        for before in 0..3 {
            let mut bytes = vec![0; before];
            bytes.extend_from_slice(piece);
            let encoded = engine.encode(&bytes);
            // The first characters depend on the bytes before the piece, and the last character on the bytes after it.
            let skipped = [0, 2, 3][before];
            let end = encoded.len() - usize::from(bytes.len() % 3 != 0);
            add(encoded.get(skipped..end).unwrap_or_default().to_owned());
        }
    }
}

/// Returns the text with the escapes that it has inside a JSON string.
pub(crate) fn in_json(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    let inner = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or_default().to_owned()
}

fn lower_escapes(encoded: &str) -> String {
    let mut lower = String::with_capacity(encoded.len());
    let mut left = 0;
    for character in encoded.chars() {
        if character == '%' {
            left = 3;
        }
        lower.push(if left > 0 {
            character.to_ascii_lowercase()
        } else {
            character
        });
        left = usize::saturating_sub(left, 1);
    }
    lower
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "s3cr3t/Ñ \"quoted\" + más";

    fn masked(redactor: &Redactor, value: &Value) -> String {
        let json = RawValue::from_string(Value::from(vec![value.clone()]).to_string()).unwrap();
        redactor.json(json).get().to_owned()
    }

    #[test]
    fn a_secret_is_masked_in_every_form() {
        let redactor = Redactor::new([SECRET, "short"]);
        let url = utf8_percent_encode(SECRET, URL_COMPONENT).to_string();
        let mut forms = vec![
            SECRET.to_owned(),
            serde_json::to_string(&serde_json::json!({ "key": SECRET })).unwrap(),
            format!("https://api.example.com/?key={url}&x=1"),
            format!("https://api.example.com/?key={}", lower_escapes(&url)),
        ];
        for before in ["", "a", "ab"] {
            for after in ["", "z", "zz"] {
                let text = format!("{before}{SECRET}{after}");
                forms.push(STANDARD_NO_PAD.encode(&text));
                forms.push(URL_SAFE_NO_PAD.encode(&text));
            }
        }
        for form in forms {
            let line = masked(&redactor, &serde_json::json!({ "nested": [form] }));
            assert!(line.contains(MASKED), "{form} in {line}");
            assert!(!line.contains("s3cr3t"), "{line}");
        }
        assert_eq!(
            masked(&redactor, &"a short text".into()),
            r#"["a short text"]"#
        );
    }

    #[test]
    fn numbers_keys_and_parsed_json_are_masked() {
        let document = r#"{"user":"admin-user","port":12345678}"#;
        let redactor = Redactor::new(["12345678", document]);
        assert_eq!(masked(&redactor, &12_345_678.into()), r#"["[masked]"]"#);
        let line = masked(&redactor, &serde_json::json!({ "admin-user": 1 }));
        assert_eq!(line, r#"[{"[masked]":1}]"#);
        let parsed: Value = serde_json::from_str(document).unwrap();
        let line = masked(&redactor, &parsed);
        assert!(
            !line.contains("admin-user") && !line.contains("12345678"),
            "{line}"
        );
        serde_json::from_str::<Vec<Value>>(&line).unwrap();
    }

    #[test]
    fn parts_of_a_long_secret_are_masked() {
        let key: Vec<String> = (0..20)
            .map(|line| format!("{line:02}{}", "abc7".repeat(15)))
            .collect();
        let redactor = Redactor::new([key.join("\n").as_str()]);
        let line = masked(&redactor, &format!("key: {}", key[3]).into());
        assert_eq!(line, r#"["key: [masked]"]"#);
        let line = masked(&redactor, &key.join("\n").into());
        assert!(!line.contains("abc7"), "{line}");
    }

    #[test]
    fn the_start_of_a_secret_is_masked_where_a_text_was_cut() {
        let token = jelou_token::RuntimeToken::mint().unwrap();
        let redactor = Redactor::new([SECRET, "postgres://user:hunter2@db"]);
        let url = utf8_percent_encode(SECRET, URL_COMPONENT).to_string();
        for whole in [SECRET, token.expose(), "postgres://user:hunter2@db", &url] {
            for end in (MIN_START_BYTES + 4..whole.len()).filter(|end| whole.is_char_boundary(*end))
            {
                let cut = format!("key={}…", &whole[..end]);
                assert_eq!(redactor.text(&cut), "key=[masked]…", "{cut}");
                let note = format!("{cut} [7 bytes were dropped]");
                assert_eq!(redactor.text(&note), "key=[masked]… [7 bytes were dropped]");
                let line = masked(&redactor, &serde_json::json!({ "k": cut }));
                assert_eq!(line, r#"[{"k":"key=[masked]…"}]"#);
            }
        }
        for kept in ["postgres://", "wait…", "s3cr", "one… two…", "…", "pos…"] {
            assert_eq!(redactor.text(kept), kept);
        }
        let many = format!("{}key=s3cr3t/Ñ…", "…".repeat(20_000));
        assert!(!redactor.text(&many).contains("s3cr3t"));
    }

    #[test]
    fn secrets_with_control_characters_are_masked() {
        for control in ['\u{1b}', '\u{7f}', '\u{80}', '\u{9f}'] {
            let secret = format!("first{control}second");
            let redactor = Redactor::new([secret.as_str()]);
            assert_eq!(redactor.text(&secret), MASKED);
            assert_eq!(masked(&redactor, &secret.clone().into()), r#"["[masked]"]"#);
        }
    }

    #[test]
    fn json_that_cannot_be_parsed_is_masked_as_text() {
        let redactor = Redactor::new(["hunter2-secret"]);
        let deep = format!("[{}\"hunter2-secret\"{}]", "[".repeat(200), "]".repeat(200));
        for json in [deep.as_str(), r#"["hunter2-secret",1e999]"#] {
            let line = redactor.json(RawValue::from_string(json.to_owned()).unwrap());
            let texts: Vec<String> = serde_json::from_str(line.get()).unwrap();
            assert_eq!(texts, [json.replace("hunter2-secret", MASKED)]);
        }
    }

    #[test]
    fn a_token_is_truncated() {
        let token = jelou_token::RuntimeToken::mint().unwrap();
        let redactor = Redactor::default();
        let line = masked(&redactor, &token.expose().into());
        assert!(!line.contains(token.expose()), "{line}");
    }
}
