//! The scopes of an access token.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What an access token may do on the management API; a greater scope implies the lesser ones.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
pub enum Scope {
    /// Read functions, deployments, tokens and the keys of secrets.
    #[serde(rename = "functions:read")]
    FunctionsRead,
    /// Deploy, and change tokens and secrets.
    #[serde(rename = "functions:write")]
    FunctionsWrite,
    /// Everything, access tokens and the audit trail included.
    #[serde(rename = "admin")]
    Admin,
}

impl Scope {
    /// From least to greatest.
    pub const ALL: [Self; 3] = [Self::FunctionsRead, Self::FunctionsWrite, Self::Admin];

    /// The text in tokens and requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FunctionsRead => "functions:read",
            Self::FunctionsWrite => "functions:write",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is not a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown scope `{0}`; the scopes are `functions:read`, `functions:write` and `admin`")]
pub struct ParseScopeError(String);

impl FromStr for Scope {
    type Err = ParseScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| ParseScopeError(text.to_owned()))
    }
}

/// A set of scopes; `admin` implies the others and `functions:write` implies `functions:read`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// The scope `admin` alone.
    pub fn admin() -> Self {
        Self::from_iter([Scope::Admin])
    }

    /// Whether there is no scope.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// From least to greatest.
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }

    /// Whether a scope of the set implies `wanted`.
    pub fn allows(&self, wanted: Scope) -> bool {
        self.0.iter().any(|held| *held >= wanted)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

/// Space-separated, as in OAuth 2.0 (RFC 6749, section 3.3). The store keeps this form.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, scope) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl FromStr for Scopes {
    type Err = ParseScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split_ascii_whitespace().map(str::parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wider_scope_implies_the_narrower() {
        let write: Scopes = "functions:write".parse().unwrap();
        assert!(write.allows(Scope::FunctionsRead));
        assert!(write.allows(Scope::FunctionsWrite));
        assert!(!write.allows(Scope::Admin));
        assert!(Scopes::admin().allows(Scope::FunctionsWrite));
        assert!(!Scopes::default().allows(Scope::FunctionsRead));
    }

    #[test]
    fn text_round_trip() {
        let scopes: Scopes = "admin functions:read".parse().unwrap();
        assert_eq!(scopes.to_string().parse::<Scopes>().unwrap(), scopes);
        assert!("root".parse::<Scopes>().is_err());
    }
}
