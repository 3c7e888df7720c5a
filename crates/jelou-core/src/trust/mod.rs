//! Rules for the identity tokens of OpenID Connect issuers: which tokens a trust policy accepts. The server checks
//! signatures, times and audiences first.

mod conditions;
mod pins;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use conditions::{Conditions, ConditionsError, Mismatch};
pub use pins::{PinError, pin};

/// The claims of an identity token.
pub type Claims = serde_json::Map<String, serde_json::Value>;

/// The issuer of identity tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Issuer {
    /// GitHub Actions.
    Github,
    /// GitLab CI/CD.
    Gitlab,
    /// Any other OpenID Connect issuer, such as a Kubernetes cluster.
    Other,
}

impl Issuer {
    /// Returns the URL of the hosted service's issuer, or `None` if there is none.
    pub fn default_url(self) -> Option<&'static str> {
        match self {
            Self::Github => Some("https://token.actions.githubusercontent.com"),
            Self::Gitlab => Some("https://gitlab.com"),
            Self::Other => None,
        }
    }

    /// Returns the name in commands and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Other => "other",
        }
    }

    /// Returns the claims with immutable ids. They stay the same when an owner or a repository is renamed, and differ
    /// when someone else takes the old name.
    pub fn pinned_claims(self) -> &'static [&'static str] {
        match self {
            Self::Github => &["repository_owner_id", "repository_id"],
            Self::Gitlab => &["namespace_id", "project_id"],
            Self::Other => &[],
        }
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The error for a text that is not an issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the issuers are `github`, `gitlab` and `other`")]
pub struct ParseIssuerError;

impl FromStr for Issuer {
    type Err = ParseIssuerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Github, Self::Gitlab, Self::Other]
            .into_iter()
            .find(|issuer| issuer.as_str() == text)
            .ok_or(ParseIssuerError)
    }
}

/// Returns a claim as text. A number or boolean has its JSON form.
fn text_of(claims: &Claims, name: &str) -> Option<String> {
    match claims.get(name)? {
        serde_json::Value::String(text) => Some(text.clone()),
        value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_)) => {
            Some(value.to_string())
        }
        _ => None,
    }
}
