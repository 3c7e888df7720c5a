//! An encrypted value and the id of its key.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The id of a master key: the first 8 hexadecimal digits, in lower case, of a digest of the key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

/// The text is not a key id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key id: 8 lower-case hexadecimal digits")]
pub struct ParseKeyIdError;

impl KeyId {
    pub(super) const DIGITS: usize = 8;

    pub(super) fn from_digest(digest: &[u8; 32]) -> Self {
        let [a, b, c, d, ..] = *digest;
        Self(format!("{a:02x}{b:02x}{c:02x}{d:02x}"))
    }

    /// Returns the 8 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyId {
    type Err = ParseKeyIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == Self::DIGITS && text.bytes().all(digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseKeyIdError)
        }
    }
}

/// An encrypted value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecret {
    #[serde(with = "crate::local_copy::text")]
    key_id: KeyId,
    #[serde(with = "crate::local_copy::text::bytes")]
    ciphertext: Vec<u8>,
}

impl SealedSecret {
    /// Creates the value from its stored parts.
    pub fn from_parts(key_id: KeyId, ciphertext: Vec<u8>) -> Self {
        Self { key_id, ciphertext }
    }

    /// Returns the id of the key that encrypted the value.
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// Returns the nonce, the ciphertext and the authentication tag, in this order.
    pub fn ciphertext(&self) -> &[u8] {
        &self.ciphertext
    }
}

/// Omits the ciphertext, which is long and useless in a log.
impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedSecret")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}
