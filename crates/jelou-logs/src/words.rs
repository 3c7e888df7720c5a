//! The words of a text: sequences of letters and digits, in lower case.

/// Converts a text to lower case. Unlike [`str::to_lowercase`], each character is converted alone.
pub(crate) fn lowercase(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().flat_map(lower_of).collect()
}

/// Returns the lower case of a character. Does not change the two characters outside of ASCII whose lower case begins
/// with an ASCII letter, so that a search for an ASCII text can compare bytes.
fn lower_of(character: char) -> impl Iterator<Item = char> {
    let keep = matches!(character, '\u{130}' | '\u{212A}');
    let kept = keep.then_some(character).into_iter();
    let lower = (!keep).then(|| character.to_lowercase());
    kept.chain(lower.into_iter().flatten())
}

/// Calls `found` with the hash of each word of a JSON text. An escape ends a word.
pub(crate) fn each_json_word(json: &str, mut found: impl FnMut(u64)) {
    let mut hasher = WordHasher::new();
    let bytes = json.as_bytes();
    let mut index = 0;
    while let Some(&byte) = bytes.get(index) {
        if byte.is_ascii() {
            if byte == b'\\' {
                hasher.end(&mut found);
                index += if bytes.get(index + 1) == Some(&b'u') {
                    6
                } else {
                    2
                };
                continue;
            }
            index += 1;
            if byte.is_ascii_alphanumeric() {
                hasher.push(byte.to_ascii_lowercase());
            } else {
                hasher.end(&mut found);
            }
        } else {
            let Some(character) = json.get(index..).and_then(|rest| rest.chars().next()) else {
                break;
            };
            index += character.len_utf8();
            for lower in lower_of(character) {
                hasher.push_char(lower, &mut found);
            }
        }
    }
    hasher.end(&mut found);
}

/// Returns the hashes of the words of a text that is already in lower case.
pub(crate) fn word_hashes(lower: &str) -> Vec<u64> {
    let mut found = Vec::new();
    let mut hasher = WordHasher::new();
    for character in lower.chars() {
        hasher.push_char(character, &mut |hash| found.push(hash));
    }
    hasher.end(&mut |hash| found.push(hash));
    found
}

/// Returns the hash of a complete text.
pub(crate) fn hash_of(text: &str) -> u64 {
    let mut hasher = WordHasher::new();
    text.bytes().for_each(|byte| hasher.push(byte));
    hasher.finish()
}

/// An FNV-1a hasher. The hashes are stored, so they must not depend on the version of a library.
struct WordHasher {
    state: u64,
    is_empty: bool,
}

impl WordHasher {
    const START: u64 = 0xcbf2_9ce4_8422_2325;

    fn new() -> Self {
        Self {
            state: Self::START,
            is_empty: true,
        }
    }

    fn push(&mut self, byte: u8) {
        self.state = (self.state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        self.is_empty = false;
    }

    fn push_char(&mut self, character: char, found: &mut impl FnMut(u64)) {
        if character.is_alphanumeric() {
            let mut buffer = [0; 4];
            for byte in character.encode_utf8(&mut buffer).bytes() {
                self.push(byte);
            }
        } else {
            self.end(found);
        }
    }

    fn end(&mut self, found: &mut impl FnMut(u64)) {
        if !self.is_empty {
            found(self.finish());
            *self = Self::new();
        }
    }

    /// Returns the hash after the finaliser of `MurmurHash3`, because with FNV alone, the hashes of short words have
    /// similar high bits.
    fn finish(&self) -> u64 {
        let mut hash = self.state;
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^ (hash >> 33)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_plain_text_have_the_same_words() {
        let text = "Buscando cliente\nÑandú İstanbul 593-987 user_id \"x\"";
        let json = serde_json::to_string(text).unwrap();
        let mut found = Vec::new();
        each_json_word(&json, |hash| found.push(hash));
        assert_eq!(found, word_hashes(&lowercase(text)));
        assert!(found.contains(&hash_of("cliente")));
        assert!(found.contains(&hash_of("ñandú")));
    }
}
