//! The secret itself, from minting to its hash.

use std::fmt;
use std::marker::PhantomData;

use zeroize::{Zeroize, Zeroizing};

use crate::format::{self, ALPHABET, BODY_LEN, SHOWN_LEN, SUFFIX_LEN};
use crate::kind::{Access, Kind, Runtime};
use crate::{DisplayPrefix, ParseTokenError, TokenHash};

/// `jfn_rt_` and 38 characters: calls a function.
pub type RuntimeToken = Token<Runtime>;

/// `jfn_pat_` and 38 characters: acts on the management API.
pub type AccessToken = Token<Access>;

/// Room for the longest kind, so that the secret needs no heap.
const CAPACITY: usize = Access::PREFIX.len() + SUFFIX_LEN;

/// A well-formed token in plain text.
///
/// The value can be read with [`expose`](Self::expose) only: there is no `Display`, `Debug` prints
/// the type's name, and it is not `Clone` or `PartialEq` (compare hashes). It is wiped when
/// dropped; a move may leave a copy behind on the stack, so hash it early and keep the hash.
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

    /// Makes a new token from the operating system's random generator.
    ///
    /// # Errors
    ///
    /// The generator's own error. Do not go on with another source of randomness.
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

    /// Reads a token; this is the whole offline check. Does not trim.
    ///
    /// # Errors
    ///
    /// The first rule that `text` breaks, in the order prefix, length, alphabet, checksum.
    pub fn parse(text: &str) -> Result<Self, ParseTokenError> {
        Self::parse_bytes(text.as_bytes())
    }

    /// [`parse`](Self::parse) for a value that need not be UTF-8, such as a header's.
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

    /// Checks and hashes a value that a caller presents: all of the gateway's work before the
    /// look-up. `None` for anything that no token of this kind can be.
    ///
    /// Allocates nothing and copies no secret. Safe to call with a value of any size: the length
    /// is fixed, so a longer value is refused unread and never hashed. How long it takes tells a
    /// caller which rule of the format the value breaks, which is public, and nothing about
    /// tokens that exist.
    pub fn hash_presented(value: &[u8]) -> Option<TokenHash> {
        format::check::<K>(value).ok()?;
        Some(TokenHash::of(value))
    }

    /// The plain text. Each call of this is a place where the secret may get away.
    pub fn expose(&self) -> &str {
        format::as_str(self.as_bytes())
    }

    /// What is stored in place of the token.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.as_bytes())
    }

    /// The first characters, by which people recognise a token in a list. Not a secret.
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

/// Fills `body` with characters of the alphabet, each as likely as any other.
///
/// `byte % 62` would make the first eight characters a quarter more likely. Six bits of each byte
/// make a number below 64 instead, and 62 and 63 are drawn again.
fn fill_random(body: &mut [u8]) -> Result<(), getrandom::Error> {
    let mut pool = Zeroizing::new([0; BODY_LEN + 16]);
    let mut empty = body.iter_mut().peekable();
    while empty.peek().is_some() {
        getrandom::fill(pool.as_mut_slice())?;
        let drawn = pool
            .iter()
            .filter_map(|byte| ALPHABET.get(usize::from(byte & 0b11_1111)));
        // The characters come first: `zip` asks its left side first, and one that is taken there
        // and not used is lost, which is harmless for a random byte and not for a place to fill.
        for (character, place) in drawn.zip(empty.by_ref()) {
            *place = *character;
        }
    }
    Ok(())
}
