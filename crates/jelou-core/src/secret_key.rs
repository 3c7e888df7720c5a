//! The key of a secret, which a function reads with `ctx.env.get("KEY")`.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::text_newtype;

/// Maximum length of a key in characters.
pub const MAX_SECRET_KEY_LENGTH: usize = 256;
/// Maximum bytes of a value.
pub const MAX_SECRET_VALUE_BYTES: usize = 64 * 1024;
/// Maximum number of secrets of a function.
pub const MAX_SECRETS_PER_FUNCTION: usize = 100;
/// Number of versions of a secret that are kept, including the current one.
pub const MAX_SECRET_VERSIONS: usize = 5;
/// The prefix of keys that are reserved for the platform: a function can neither set nor read them.
pub const RESERVED_PREFIX: &str = "__FN_";

/// Environment variable of a preview's process: the name of the preview. The platform sets it, so a secret cannot have
/// this key.
pub const PREVIEW_VARIABLE: &str = "JELOU_PREVIEW";

/// The key of a secret: an upper-case letter, then upper-case letters, digits and `_`.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[A-Z][A-Z0-9_]*$", example = "OTRA_FUNCION_TOKEN")]
pub struct SecretKey(String);

/// The text is not a valid key of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseSecretKeyError {
    #[error("a secret key cannot be empty")]
    Empty,
    #[error("secret keys that start with `{RESERVED_PREFIX}` are reserved for the platform")]
    Reserved,
    #[error(
        "a secret key starts with an upper-case letter and contains only upper-case letters, digits and `_`"
    )]
    Character,
    #[error("secret key is {0} characters long; the limit is {MAX_SECRET_KEY_LENGTH}")]
    TooLong(usize),
}

text_newtype!(SecretKey);

impl FromStr for SecretKey {
    type Err = ParseSecretKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(ParseSecretKeyError::Empty);
        }
        if text.starts_with(RESERVED_PREFIX) {
            return Err(ParseSecretKeyError::Reserved);
        }
        let allowed = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        if !text.starts_with(|c: char| c.is_ascii_uppercase()) || !text.bytes().all(allowed) {
            return Err(ParseSecretKeyError::Character);
        }
        if text.len() > MAX_SECRET_KEY_LENGTH {
            return Err(ParseSecretKeyError::TooLong(text.len()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl SecretKey {
    /// Checks that a user may set the key. Stored keys are not checked, because they can be older than this rule.
    ///
    /// # Errors
    /// The platform sets the variable with this name.
    pub fn check_settable(&self) -> Result<(), SetByPlatformError> {
        if self.as_str() == PREVIEW_VARIABLE {
            return Err(SetByPlatformError(PREVIEW_VARIABLE));
        }
        Ok(())
    }
}

/// The error for a key that the platform sets itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the platform sets `{0}` itself: choose another key")]
pub struct SetByPlatformError(&'static str);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_the_platform_cannot_be_set() {
        let settable = |key: &str| key.parse::<SecretKey>().unwrap().check_settable();
        assert!(settable(PREVIEW_VARIABLE).is_err());
        for key in ["JELOU_API_KEY", "JELOU_PREVIEW_2", "PREVIEW"] {
            assert_eq!(settable(key), Ok(()), "{key}");
        }
    }

    #[test]
    fn the_grammar() {
        for good in ["A", "OTRA_FUNCION_TOKEN", "A1_"] {
            assert!(good.parse::<SecretKey>().is_ok(), "{good}");
        }
        assert_eq!(
            "__FN_X".parse::<SecretKey>(),
            Err(ParseSecretKeyError::Reserved)
        );
        for bad in ["a", "_A", "1A", "A-B", "A B", "Ñ"] {
            assert_eq!(
                bad.parse::<SecretKey>(),
                Err(ParseSecretKeyError::Character),
                "{bad}"
            );
        }
    }
}
