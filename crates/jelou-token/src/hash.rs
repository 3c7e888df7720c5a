//! The hash of a token, and maps keyed by it.

use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use sha2::{Digest, Sha256};

/// SHA-256 (FIPS 180-4) of a whole token, including prefix and checksum. It is stored and looked up
/// instead of the token.
///
/// It cannot be used to authenticate. `Debug` does not print it even so, because no log needs it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    pub(crate) fn of(token: &[u8]) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// A stored hash.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash, to store it.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash")
    }
}

/// Feeds only the first 8 bytes to the hasher: they are uniformly distributed already.
impl Hash for TokenHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (chunks, _) = self.0.as_chunks();
        state.write_u64(u64::from_le_bytes(chunks[0]));
    }
}

/// Builds [`TokenHasher`]s: the third parameter of a map keyed by [`TokenHash`].
///
/// Only for maps of tokens that this server issued. A map that attackers can fill, such as a cache of
/// refused tokens, needs the standard keyed hasher: an attacker can search for well-formed tokens
/// whose hashes collide in one bucket.
pub type BuildTokenHasher = BuildHasherDefault<TokenHasher>;

/// Uses the bits of a [`TokenHash`] without hashing them again.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenHasher(u64);

impl Hasher for TokenHasher {
    fn write_u64(&mut self, bits: u64) {
        self.0 = bits;
    }

    /// Not used by [`TokenHash`]; correct but slow for any other key.
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
