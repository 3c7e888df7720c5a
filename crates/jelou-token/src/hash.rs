//! The hash of a token, and maps keyed by it.

use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use sha2::{Digest, Sha256};

/// SHA-256 (FIPS 180-4) of a whole token, including prefix and checksum. The server stores and looks
/// up the hash instead of the token.
///
/// A hash cannot be used to authenticate. Nevertheless, `Debug` hides it, because no log needs it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// Feeds only the first 8 bytes to the hasher, because they are already uniformly distributed.
impl Hash for TokenHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (chunks, _) = self.0.as_chunks();
        state.write_u64(u64::from_le_bytes(chunks[0]));
    }
}

/// Builds [`TokenHasher`]s: the third type parameter of a `HashMap` whose keys have the type [`TokenHash`].
///
/// Only for maps of tokens that this server issued. A map that attackers can fill, such as a cache of
/// refused tokens, needs the standard keyed hasher: an attacker can search for well-formed tokens
/// whose hashes collide in one bucket.
pub type BuildTokenHasher = BuildHasherDefault<TokenHasher>;

/// A [`Hasher`] that uses the first bits of a [`TokenHash`] without hashing them again.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenHasher(u64);

impl Hasher for TokenHasher {
    fn write_u64(&mut self, bits: u64) {
        self.0 = bits;
    }

    /// Not called for a [`TokenHash`]. Correct but slow for any other key.
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
