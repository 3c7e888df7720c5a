//! The token itself: minting, parsing, hashing.

use std::fmt;
use std::marker::PhantomData;

use zeroize::{Zeroize, Zeroizing};

use crate::format::{self, ALPHABET, BODY_LEN, SHOWN_LEN, SUFFIX_LEN};
use crate::kind::{Access, Kind, Runtime};
use crate::{DisplayPrefix, ParseTokenError, TokenHash};

/// A runtime token, `jfn_rt_` and 38 characters: authorises calls of a function.
pub type RuntimeToken = Token<Runtime>;

/// An access token, `jfn_pat_` and 38 characters: authorises requests to the management API.
pub type AccessToken = Token<Access>;

/// Length of the longest token. The secret is stored in an array of this size, not on the heap.
const CAPACITY: usize = Access::PREFIX.len() + SUFFIX_LEN;

/// A well-formed token in plain text.
///
/// Only [`expose`](Self::expose) reads the value: there is no `Display`, `Debug` prints the type's name, and it is
/// neither `Clone` nor `PartialEq` (compare hashes). It is zeroized on drop. A move may leave a copy on the stack, so
/// hash it early, and store the hash instead.
pub struct Token<K: Kind> {
    text: [u8; CAPACITY],
    kind: PhantomData<K>,
}

impl<K: Kind> Token<K> {
    /// The length of every token of this kind, in bytes.
    pub const LEN: usize = {
        let len = K::PREFIX.len() + SUFFIX_LEN;
        assert!(len <= CAPACITY, "CAPACITY is for the longest kind");
        len
    };

    /// Mints a token from the random generator of the operating system.
    ///
    /// # Errors
    ///
    /// The error of the generator. Do not fall back to another source of randomness.
    pub fn mint() -> Result<Self, getrandom::Error> {
        let mut token = Self {
            text: [0; CAPACITY],
            kind: PhantomData,
        };
        let (prefix, suffix) = token.text[..Self::LEN].split_at_mut(K::PREFIX.len());
        prefix.copy_from_slice(K::PREFIX.as_bytes());
        fill_random(&mut suffix[..BODY_LEN])?;

        let (checked, written) = token.text[..Self::LEN].split_at_mut(K::PREFIX.len() + BODY_LEN);
        written.copy_from_slice(&format::checksum(checked));
        Ok(token)
    }

    /// Checks the format of a token and copies the token. Does not trim whitespace.
    ///
    /// # Errors
    ///
    /// The first rule that `text` breaks, in the order prefix, length, alphabet, checksum.
    pub fn parse(text: &str) -> Result<Self, ParseTokenError> {
        Self::parse_bytes(text.as_bytes())
    }

    /// Does what [`parse`](Self::parse) does, for a value that may not be UTF-8, such as a header.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_bytes(value: &[u8]) -> Result<Self, ParseTokenError> {
        format::check::<K>(value)?;
        let mut token = Self {
            text: [0; CAPACITY],
            kind: PhantomData,
        };
        token.text[..Self::LEN].copy_from_slice(value);
        Ok(token)
    }

    /// Checks and hashes the value that a caller presents. The gateway looks up the result. Returns
    /// `None` if the value is not a well-formed token of this kind.
    ///
    /// Neither allocates nor copies the secret. Safe with a value of any size: a value of the wrong
    /// length is refused without a read after the prefix. The timing reveals only which rule of the
    /// format the value breaks. The rules are public, so the timing reveals nothing about existing tokens.
    pub fn hash_presented(value: &[u8]) -> Option<TokenHash> {
        format::check::<K>(value).ok()?;
        Some(TokenHash::of(value))
    }

    /// Returns the plain text. Each use is a place where the secret may leak.
    pub fn expose(&self) -> &str {
        format::as_str(self.as_bytes())
    }

    /// Returns the hash, which is stored instead of the token.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.as_bytes())
    }

    /// Returns the first characters, which identify the token in a list. They are not secret.
    pub fn display_prefix(&self) -> DisplayPrefix {
        DisplayPrefix::new(&self.text[..K::PREFIX.len() + SHOWN_LEN])
    }

    fn as_bytes(&self) -> &[u8] {
        &self.text[..Self::LEN]
    }
}

impl<K: Kind> fmt::Debug for Token<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(K::TYPE_NAME)
    }
}

impl<K: Kind> Drop for Token<K> {
    fn drop(&mut self) {
        self.text.zeroize();
    }
}

/// Fills `body` with uniformly distributed characters of the alphabet.
///
/// `byte % 62` would make the first eight characters a quarter more likely than the others. Instead,
/// six bits of each byte give a number below 64, and 62 and 63 are rejected.
fn fill_random(body: &mut [u8]) -> Result<(), getrandom::Error> {
    let mut pool = Zeroizing::new([0; BODY_LEN + 16]);
    let mut empty = body.iter_mut().peekable();
    while empty.peek().is_some() {
        getrandom::fill(pool.as_mut_slice())?;
        let drawn = pool
            .iter()
            .filter_map(|byte| ALPHABET.get(usize::from(byte & 0b11_1111)));
        // `zip` takes an item from its left side first, and drops it if the right side is exhausted. A random byte may
        // be dropped, a place to fill may not.
        for (character, place) in drawn.zip(empty.by_ref()) {
            *place = *character;
        }
    }
    Ok(())
}
