//! The slug of a function: the DNS label (RFC 1123) of its subdomain.

use std::borrow::Borrow;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::text_newtype;

/// Maximum length of a DNS label (RFC 1035, section 2.3.4).
pub const MAX_SLUG_LENGTH: usize = 63;

/// The slug of a function: 1 to 63 lower-case letters, digits and inner hyphens.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", example = "mi-funcion")]
pub struct Slug(String);

/// The text is not a slug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseSlugError {
    #[error("a slug cannot be empty")]
    Empty,
    #[error("slug is {0} characters long; the limit is {MAX_SLUG_LENGTH}")]
    TooLong(usize),
    #[error("slug contains {0:?}; only lower-case letters, digits and `-` are allowed")]
    Character(char),
    #[error("a slug cannot start or end with `-`")]
    Hyphen,
}

text_newtype!(Slug);

impl FromStr for Slug {
    type Err = ParseSlugError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(ParseSlugError::Empty);
        }
        if let Some(character) = text
            .chars()
            .find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-'))
        {
            return Err(ParseSlugError::Character(character));
        }
        if text.len() > MAX_SLUG_LENGTH {
            return Err(ParseSlugError::TooLong(text.len()));
        }
        if text.starts_with('-') || text.ends_with('-') {
            return Err(ParseSlugError::Hyphen);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Allows lookups by a label of a host name.
impl Borrow<str> for Slug {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn labels_of_the_grammar_are_slugs(text in "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?") {
            let slug = text.parse::<Slug>().unwrap();
            prop_assert_eq!(slug.as_str(), text);
        }

        #[test]
        fn a_slug_is_always_a_label(text in "\\PC{0,70}") {
            if let Ok(slug) = text.parse::<Slug>() {
                prop_assert!(slug.as_str().len() <= MAX_SLUG_LENGTH);
                prop_assert!(!slug.as_str().starts_with('-') && !slug.as_str().ends_with('-'));
                prop_assert!(slug.as_str().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            }
        }
    }

    #[test]
    fn errors_name_the_rule() {
        assert_eq!("".parse::<Slug>(), Err(ParseSlugError::Empty));
        assert_eq!("Mi".parse::<Slug>(), Err(ParseSlugError::Character('M')));
        assert_eq!("-a".parse::<Slug>(), Err(ParseSlugError::Hyphen));
        assert_eq!(
            "a".repeat(64).parse::<Slug>(),
            Err(ParseSlugError::TooLong(64))
        );
    }
}
