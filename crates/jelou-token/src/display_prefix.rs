//! The part of a token that may be shown.

use std::fmt;
use std::str::FromStr;

use crate::format::{self, SHOWN_LEN};
use crate::kind::{Access, Kind, PREFIXES};

/// Length of the longest display prefix.
const CAPACITY: usize = Access::PREFIX.len() + SHOWN_LEN;

/// The prefix of the kind and four characters of the body, such as `jfn_rt_abc1`. Lists, prompts and
/// logs show it instead of a token. Not a secret, and not unique.
///
/// `Display` writes no dots; lists append `..` and prompts `...`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DisplayPrefix {
    text: [u8; CAPACITY],
    len: u8,
}

impl DisplayPrefix {
    /// Copies `text`, which must be the start of a token.
    pub(crate) fn new(text: &[u8]) -> Self {
        let mut prefix = Self {
            text: [0; CAPACITY],
            len: 0,
        };
        for (place, byte) in prefix.text.iter_mut().zip(text) {
            *place = *byte;
            prefix.len += 1;
        }
        prefix
    }

    /// Returns the text: 11 or 12 characters.
    pub fn as_str(&self) -> &str {
        format::as_str(&self.text[..usize::from(self.len)])
    }
}

impl FromStr for DisplayPrefix {
    type Err = ParseDisplayPrefixError;

    /// Parses the display prefix of any kind of token. Refuses trailing dots.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        PREFIXES
            .iter()
            .filter_map(|prefix| text.strip_prefix(prefix))
            .any(|shown| shown.len() == SHOWN_LEN && format::is_base62(shown.as_bytes()))
            .then(|| Self::new(text.as_bytes()))
            .ok_or(ParseDisplayPrefixError)
    }
}

impl fmt::Display for DisplayPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for DisplayPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DisplayPrefix({self})")
    }
}

/// Error: the text is not the display prefix of a token. Does not contain the text, which may be a
/// whole token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the first characters of a token, such as `jfn_rt_abc1`")]
pub struct ParseDisplayPrefixError;
