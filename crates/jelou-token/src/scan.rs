//! Finds tokens in other text.

use crate::format::{self, SUFFIX_LEN};
use crate::kind::PREFIXES;

/// The common start of all prefixes.
pub(crate) const MARK: &str = "jfn_";

/// A part of a text that looks like a token. Its checksum is not checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Found<'a> {
    /// Byte offset of `value` in the text.
    pub start: usize,
    /// The matched text, from the prefix to the last character of the checksum.
    pub value: &'a str,
    pub(crate) prefix: &'static str,
}

impl std::fmt::Debug for Found<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Found")
            .field("start", &self.start)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// Finds every `jfn_(rt|pat)_[0-9A-Za-z]{38}`, the pattern that secret scanners search for.
///
/// Unlike the matches of a regular expression, these matches may overlap. So text before a token
/// cannot hide the token.
pub fn scan(text: &str) -> impl Iterator<Item = Found<'_>> {
    text.match_indices(MARK).filter_map(|(start, _)| {
        let rest = &text[start..];
        let prefix = PREFIXES.into_iter().find(|prefix| {
            rest.strip_prefix(prefix)
                .and_then(|suffix| suffix.as_bytes().get(..SUFFIX_LEN))
                .is_some_and(format::is_base62)
        })?;
        Some(Found {
            start,
            value: &rest[..prefix.len() + SUFFIX_LEN],
            prefix,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccessToken, RuntimeToken};

    #[test]
    fn every_token_of_a_text_is_found() {
        let runtime = RuntimeToken::mint().unwrap();
        let access = AccessToken::mint().unwrap();
        let text = format!(
            "a={};jfn_rt_short jfn_{}",
            runtime.expose(),
            access.expose()
        );
        let found: Vec<_> = scan(&text)
            .map(|found| (found.start, found.value))
            .collect();
        let second = text.find("jfn_pat_").unwrap();
        assert_eq!(found, [(2, runtime.expose()), (second, access.expose())]);
        assert_eq!(scan("jfn_rt_ jfn_pat_ñ").count(), 0);
    }

    #[test]
    fn debug_shows_no_value() {
        let token = RuntimeToken::mint().unwrap();
        let shown = format!("{:?}", scan(token.expose()).next());
        assert!(!shown.contains(&token.expose()[8..20]), "{shown}");
    }
}
