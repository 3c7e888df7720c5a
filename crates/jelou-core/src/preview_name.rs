//! The name of a preview, and the DNS label of its address.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::slug::MAX_SLUG_LENGTH;
use crate::text::text_newtype;
use crate::{DeploymentId, Slug};

/// Separates the name from the slug in a label. Names cannot contain it, so a label is unambiguous.
const SEPARATOR: &str = "--";
/// Number of characters of a deployment's id that form a default name. These characters are random.
const ID_CHARACTERS: usize = 8;

/// The name of a preview: 1 to 63 lower-case letters, digits and single inner hyphens.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", example = "pr-7")]
pub struct PreviewName(String);

/// The error for a text that is not a preview name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParsePreviewNameError {
    #[error("the name of a preview cannot be empty")]
    Empty,
    #[error("the name is {0} characters long; the limit is {MAX_SLUG_LENGTH}")]
    TooLong(usize),
    #[error(
        "a name has lower-case letters, digits and single `-` between them{}",
        instead(.0.as_ref())
    )]
    Characters(Option<PreviewName>),
    /// Labels that begin with `xn--` are internationalised names (RFC 5890, section 2.3.2.1).
    #[error(
        "the name cannot be `xn`: host names that begin with `xn--` have a meaning of their own"
    )]
    Reserved,
}

fn instead(name: Option<&PreviewName>) -> String {
    name.map_or_else(String::new, |name| format!("; write `{name}`"))
}

/// The error for a preview whose label is longer than DNS allows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the address `{label}` has {} characters, and a label of a host name has at most {MAX_SLUG_LENGTH} (RFC 1035)",
    .label.len()
)]
pub struct LabelTooLong {
    pub label: String,
}

text_newtype!(PreviewName);

impl FromStr for PreviewName {
    type Err = ParsePreviewNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(ParsePreviewNameError::Empty);
        }
        if text.len() > MAX_SLUG_LENGTH {
            return Err(ParsePreviewNameError::TooLong(text.len()));
        }
        let is_part = |part: &str| {
            let mut bytes = part.bytes();
            !part.is_empty() && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        if !text.split('-').all(is_part) {
            return Err(ParsePreviewNameError::Characters(similar(text)));
        }
        if text == "xn" {
            return Err(ParsePreviewNameError::Reserved);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Suggests a valid name for a branch such as `Feature/new_form`.
fn similar(text: &str) -> Option<PreviewName> {
    let lower = text.to_ascii_lowercase();
    let parts = lower.split(|c: char| !c.is_ascii_alphanumeric());
    let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    parts.join("-").parse().ok()
}

impl PreviewName {
    /// Returns the default name of a deployment's preview: the end of the deployment's id.
    pub fn of_deployment(id: &DeploymentId) -> Self {
        let text = id.as_str();
        Self(text[text.len() - ID_CHARACTERS..].to_owned())
    }

    /// Returns the DNS label of the preview's host name.
    ///
    /// # Errors
    /// The label is longer than 63 characters.
    pub fn label(&self, slug: &Slug) -> Result<String, LabelTooLong> {
        let label = format!("{self}{SEPARATOR}{slug}");
        if label.len() > MAX_SLUG_LENGTH {
            return Err(LabelTooLong { label });
        }
        Ok(label)
    }

    /// Splits a label into the preview's name and the function's slug.
    pub fn split_label(label: &str) -> Option<(&str, &str)> {
        label.split_once(SEPARATOR)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_label_splits_into_name_and_slug(name in "[a-z0-9]{1,6}(-[a-z0-9]{1,5}){0,2}", slug in "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?") {
            prop_assume!(name != "xn");
            let (name, slug): (PreviewName, Slug) = (name.parse().unwrap(), slug.parse().unwrap());
            let label = name.label(&slug).unwrap();
            prop_assert!(label.parse::<Slug>().is_ok());
            prop_assert_eq!(PreviewName::split_label(&label), Some((name.as_str(), slug.as_str())));
        }
    }

    #[test]
    fn errors_suggest_a_valid_name() {
        let error = |text: &str| text.parse::<PreviewName>().unwrap_err().to_string();
        assert!(error("Feature/new_form").ends_with("; write `feature-new-form`"));
        assert!(error("a--b").ends_with("; write `a-b`"));
        assert!(error("-").ends_with("between them"));
        assert!(error("xn").contains("xn--"));
        assert!(error(&"a".repeat(64)).contains("64"));
    }

    #[test]
    fn the_default_name_is_the_end_of_an_id() {
        let id = DeploymentId::generate();
        let name = PreviewName::of_deployment(&id);
        assert_eq!(name.as_str().parse(), Ok(name.clone()));
        assert!(id.as_str().ends_with(name.as_str()));
        let slug = "a".repeat(54).parse().unwrap();
        let error = name.label(&slug).unwrap_err().to_string();
        assert!(error.contains("64 characters"), "{error}");
    }
}
