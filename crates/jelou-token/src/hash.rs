//! The hash of a token, and maps keyed by it.

use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use sha2::{Digest, Sha256};

/// SHA-256 (FIPS 180-4) of a whole token, prefix and checksum included: what is stored and looked
/// up in place of the token.
///
/// It authenticates nobody, and still `Debug` does not print it: no log needs it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    pub(crate) fn of(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Takes back a hash that was stored.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash in the form to store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash")
    }
}

/// Feeds only the first 8 bytes to the hasher: they are as good as random already.
impl Hash for TokenHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (chunks, _) = self.0.as_chunks();
        state.write_u64(u64::from_le_bytes(chunks[0]));
    }
}

/// Makes [`TokenHasher`]s: the third parameter of a map keyed by [`TokenHash`].
///
/// Only for maps of tokens that this server issued. In a map that strangers can fill, such as a
/// cache of refused tokens, keep the standard hasher: a stranger can make up well-formed tokens
/// until thousands of them fall into one bucket, as nothing here is keyed.
pub type BuildTokenHasher = BuildHasherDefault<TokenHasher>;

/// Hands on the bits of a [`TokenHash`] as they are, in place of hashing a hash again.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenHasher(u64);

impl Hasher for TokenHasher {
    fn write_u64(&mut self, bits: u64) {
        self.0 = bits;
    }

    /// Not reached by [`TokenHash`]; correct and slow for any other key.
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
