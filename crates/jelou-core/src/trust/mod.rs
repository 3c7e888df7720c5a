//! Trust in identity tokens of OpenID Connect issuers: which tokens a policy accepts. Signatures, times and audiences are
//! checked before, by the server.

mod conditions;
mod pins;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use conditions::{Conditions, ConditionsError, Mismatch};
pub use pins::{PinError, pin};

/// The claims of an identity token.
pub type Claims = serde_json::Map<String, serde_json::Value>;

/// Who issues identity tokens.
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
    /// The issuer of the hosted service; `None` if there is none.
    pub fn default_url(self) -> Option<&'static str> {
        match self {
            Self::Github => Some("https://token.actions.githubusercontent.com"),
            Self::Gitlab => Some("https://gitlab.com"),
            Self::Other => None,
        }
    }

    /// The name in commands and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Other => "other",
        }
    }

    /// The claims that stay the same when an owner or a repository is renamed, and differ when another owner takes the
    /// name.
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

/// The text is not an issuer.
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

/// A claim as text: strings as they are, numbers and booleans as JSON writes them.
fn text_of(claims: &Claims, name: &str) -> Option<String> {
    match claims.get(name)? {
        serde_json::Value::String(text) => Some(text.clone()),
        value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_)) => {
            Some(value.to_string())
        }
        _ => None,
    }
}
