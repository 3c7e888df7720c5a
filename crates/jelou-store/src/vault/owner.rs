//! The owner of a secret: a function, one of its previews, or the organisation.

use std::fmt;
use std::str::FromStr;

use jelou_core::id::ParseIdError;
use jelou_core::{FunctionId, PreviewId};

/// The owner of a secret. A function also gets the organisation's secrets. Its own secrets take precedence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretOwner {
    /// One function has the secret.
    Function(FunctionId),
    /// One preview of a function.
    Preview(PreviewId),
    /// All functions of the server have the secret.
    Organisation,
}

const ORGANISATION: &str = "organisation";

impl fmt::Display for SecretOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(id) => f.write_str(id.as_str()),
            Self::Preview(id) => f.write_str(id.as_str()),
            Self::Organisation => f.write_str(ORGANISATION),
        }
    }
}

impl FromStr for SecretOwner {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == ORGANISATION {
            return Ok(Self::Organisation);
        }
        if text.starts_with(PreviewId::PREFIX) {
            return text.parse().map(Self::Preview);
        }
        text.parse().map(Self::Function)
    }
}
