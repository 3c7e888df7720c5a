//! The hash of a token.

use std::fmt;

use sha2::{Digest, Sha256};

/// SHA-256 (FIPS 180-4) of a whole token, including prefix and checksum. The server stores and looks
/// up the hash instead of the token.
///
/// A hash cannot be used to authenticate. Nevertheless, `Debug` hides it, because no log needs it.
///
/// A map with this key needs a keyed hasher, as the standard library's. The bytes alone are no hash for a table, because
/// an import can contain any hashes, also many that share their first bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    pub(crate) fn of(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Wraps the bytes of a stored hash.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes of the hash, for storage.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash")
    }
}
