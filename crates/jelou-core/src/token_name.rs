//! The name of a runtime or access token.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::text_newtype;

/// Maximum number of characters of a name.
pub const MAX_TOKEN_NAME_LENGTH: usize = 64;

/// The name of a token, unique among the unrevoked tokens of a function, or among the unrevoked access tokens.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9._-]{0,63}$", example = "ci-deploy")]
pub struct TokenName(String);

/// The error for a text that is not a token name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseTokenNameError {
    #[error("a token name cannot be empty")]
    Empty,
    #[error("token name is {0} characters long; the limit is {MAX_TOKEN_NAME_LENGTH}")]
    TooLong(usize),
    #[error(
        "a token name starts with a lower-case letter or a digit and contains only lower-case letters, digits, `.`, `_` and `-`"
    )]
    Character,
    /// A name cannot look like an id or a token value.
    #[error("a token name cannot start with `{0}`, which marks ids and token values")]
    Reserved(&'static str),
}

impl TokenName {
    /// Returns `default`, the name of the token that the first deployment of a function creates.
    pub fn first_deployment() -> Self {
        Self("default".to_owned())
    }
}

text_newtype!(TokenName);

impl FromStr for TokenName {
    type Err = ParseTokenNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(first) = text.chars().next() else {
            return Err(ParseTokenNameError::Empty);
        };
        for reserved in ["jfn_", "tok_", "pat_", "trust_"] {
            if text.starts_with(reserved) {
                return Err(ParseTokenNameError::Reserved(reserved));
            }
        }
        let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-');
        if !text.chars().all(allowed) || matches!(first, '.' | '_' | '-') {
            return Err(ParseTokenNameError::Character);
        }
        if text.len() > MAX_TOKEN_NAME_LENGTH {
            return Err(ParseTokenNameError::TooLong(text.len()));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar() {
        for good in ["default", "ci-staging", "0", "a.b_c-d"] {
            assert!(good.parse::<TokenName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", ".a", "A", "a b", "ñ", "tok_x", "jfn_rt_abc1"] {
            assert!(bad.parse::<TokenName>().is_err(), "{bad}");
        }
        assert!("a".repeat(64).parse::<TokenName>().is_ok());
        assert!("a".repeat(65).parse::<TokenName>().is_err());
    }
}
