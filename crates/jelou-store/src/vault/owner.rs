//! The owner of a secret: a function or the organisation.

use std::fmt;
use std::str::FromStr;

use jelou_core::FunctionId;
use jelou_core::id::ParseIdError;

/// The owner of a secret. A function also gets the organisation's secrets. Its own secrets take precedence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretOwner {
    /// One function has the secret.
    Function(FunctionId),
    /// All functions of the server have the secret.
    Organisation,
}

const ORGANISATION: &str = "organisation";

impl fmt::Display for SecretOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(id) => f.write_str(id.as_str()),
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
        text.parse().map(Self::Function)
    }
}
