//! The scopes of an access token.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::policy::text_schema;
use crate::text::written_as_text;
use crate::{Slug, TokenName};

/// A permission of an access token on the management API.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Scope {
    /// One kind of work on one function.
    Function(Verb, Slug),
    /// One kind of work on every function, including functions that are created later.
    EveryFunction(Verb),
    /// Read every function: its deployments, tokens, keys of secrets and logs.
    FunctionsRead,
    /// Deploy every function, and change its tokens and secrets.
    FunctionsWrite,
    /// All operations, including access tokens and the audit trail.
    Admin,
}

/// A kind of work on one function. Each kind includes [`Verb::Read`] of the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Read its deployments, tokens (without values) and keys of secrets.
    Read,
    /// Deploy it.
    Deploy,
    /// Create, change and revoke its runtime tokens.
    Tokens,
    /// Set and delete its secrets.
    Secrets,
    /// Read its logs.
    Logs,
}

impl Verb {
    const ALL: [Self; 5] = [
        Self::Read,
        Self::Deploy,
        Self::Tokens,
        Self::Secrets,
        Self::Logs,
    ];

    /// Returns the part of the scope before the slug.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Deploy => "deploy",
            Self::Tokens => "tokens",
            Self::Secrets => "secrets",
            Self::Logs => "logs",
        }
    }

    /// Returns the broader scope that includes this work on every function.
    pub fn on_every_function(self) -> Scope {
        match self {
            Self::Read | Self::Logs => Scope::FunctionsRead,
            Self::Deploy | Self::Tokens | Self::Secrets => Scope::FunctionsWrite,
        }
    }
}

impl Scope {
    /// Whether this scope includes `wanted`. Each of the scopes `functions:read`, `functions:write` and `admin`
    /// includes the previous ones.
    fn includes(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (Self::Function(held, of), Self::Function(verb, slug)) => {
                of == slug && (held == verb || *verb == Verb::Read)
            }
            (Self::EveryFunction(held), Self::Function(verb, _) | Self::EveryFunction(verb)) => {
                held == verb || *verb == Verb::Read
            }
            (Self::Function(..) | Self::EveryFunction(_), _) => false,
            (held, Self::Function(verb, _) | Self::EveryFunction(verb)) => {
                *held >= verb.on_every_function()
            }
            (held, wanted) => held >= wanted,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(verb, slug) => write!(f, "{}:{slug}", verb.as_str()),
            Self::EveryFunction(verb) => write!(f, "{}:*", verb.as_str()),
            Self::FunctionsRead => f.write_str("functions:read"),
            Self::FunctionsWrite => f.write_str("functions:write"),
            Self::Admin => f.write_str("admin"),
        }
    }
}

written_as_text!(Scope);

impl PartialSchema for Scope {
    fn schema() -> RefOr<Schema> {
        text_schema(
            "A scope for every function, or one kind of work on one function or (`*`) on each of them.",
            "^(functions:(read|write)|admin|(read|deploy|tokens|secrets|logs):([a-z0-9-]{1,63}|\\*))$",
            "deploy:mi-funcion",
        )
    }
}

impl ToSchema for Scope {}

/// The error for a text that is not a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown scope `{0}`; the scopes are `functions:read`, `functions:write`, `admin`, and for one function \
     `read:SLUG`, `deploy:SLUG`, `tokens:SLUG`, `secrets:SLUG` and `logs:SLUG`; `*` for SLUG means every function"
)]
pub struct ParseScopeError(String);

impl FromStr for Scope {
    type Err = ParseScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || ParseScopeError(text.escape_debug().to_string());
        match text {
            "functions:read" => Ok(Self::FunctionsRead),
            "functions:write" => Ok(Self::FunctionsWrite),
            "admin" => Ok(Self::Admin),
            _ => {
                let (verb, slug) = text.split_once(':').ok_or_else(unknown)?;
                let verb = Verb::ALL.into_iter().find(|known| known.as_str() == verb);
                let verb = verb.ok_or_else(unknown)?;
                if slug == "*" {
                    return Ok(Self::EveryFunction(verb));
                }
                let slug = slug.parse().map_err(|_| unknown())?;
                Ok(Self::Function(verb, slug))
            }
        }
    }
}

/// An access token lacks a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("access token `{token}` lacks the scope `{scope}`{}", wider(scope))]
pub struct MissingScope {
    token: TokenName,
    scope: Scope,
}

impl MissingScope {
    /// What the caller can do.
    pub const HINT: &str =
        "use an access token with this scope; `jelou whoami` shows which scopes yours has";
}

fn wider(scope: &Scope) -> String {
    match scope {
        Scope::Function(verb, _) | Scope::EveryFunction(verb) => {
            format!(" or `{}`", verb.on_every_function())
        }
        _ => String::new(),
    }
}

/// A set of scopes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// Returns a set with only the scope `admin`.
    pub fn admin() -> Self {
        Self::from_iter([Scope::Admin])
    }

    /// Whether the set has no scope. An empty set allows nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over the scopes, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    /// Whether a scope of the set includes `wanted`.
    pub fn allows(&self, wanted: &Scope) -> bool {
        self.0.iter().any(|held| held.includes(wanted))
    }

    /// Checks that the access token `token`, which has these scopes, has `wanted`.
    ///
    /// # Errors
    /// [`MissingScope`] if no scope of the set includes `wanted`.
    pub fn require(&self, wanted: &Scope, token: &TokenName) -> Result<(), MissingScope> {
        if self.allows(wanted) {
            return Ok(());
        }
        Err(MissingScope {
            token: token.clone(),
            scope: wanted.clone(),
        })
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

/// Space-separated, as in OAuth 2.0 (RFC 6749, section 3.3). The store has scopes in this form.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, scope) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            scope.fmt(f)?;
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

    fn allows(held: &str, wanted: &str) -> bool {
        let held: Scopes = held.parse().unwrap();
        held.allows(&wanted.parse().unwrap())
    }

    #[test]
    fn a_broader_scope_includes_narrower_scopes() {
        assert!(allows("functions:write", "functions:read"));
        assert!(allows("functions:write", "functions:write"));
        assert!(!allows("functions:write", "admin"));
        assert!(allows("admin", "functions:write"));
        assert!(!allows("", "functions:read"));
    }

    #[test]
    fn a_scope_of_a_function_allows_one_kind_of_work_on_it() {
        for verb in ["read", "deploy", "tokens", "secrets", "logs"] {
            let held = format!("{verb}:a");
            assert!(allows(&held, &held));
            assert!(allows(&held, "read:a"), "{verb}");
            for other in ["read:b", "functions:read", "functions:write", "admin"] {
                assert!(!allows(&held, other), "{verb} {other}");
            }
        }
        assert!(!allows("deploy:a logs:a", "tokens:a"));
        assert!(allows("deploy:a tokens:b", "tokens:b"));
        assert!(allows("functions:read", "logs:a") && allows("functions:read", "read:a"));
        assert!(!allows("functions:read", "deploy:a") && allows("functions:write", "secrets:a"));
        assert!(allows("admin", "tokens:a"));
    }

    #[test]
    fn a_star_allows_one_kind_of_work_on_every_function() {
        for verb in ["read", "deploy", "tokens", "secrets", "logs"] {
            let held = format!("{verb}:*");
            assert!(allows(&held, &held) && allows(&held, &format!("{verb}:a")));
            assert!(allows(&held, "read:a"), "{verb}");
            for other in ["functions:read", "functions:write", "admin"] {
                assert!(!allows(&held, other), "{verb} {other}");
            }
        }
        assert!(!allows("deploy:*", "secrets:a") && !allows("deploy:a", "deploy:*"));
        assert!(allows("functions:read", "logs:*") && !allows("functions:read", "tokens:*"));
    }

    #[test]
    fn text_round_trip() {
        let scopes: Scopes = "admin deploy:mi-funcion logs:* functions:read"
            .parse()
            .unwrap();
        assert_eq!(scopes.to_string().parse::<Scopes>().unwrap(), scopes);
        for bad in [
            "root",
            "deploy:",
            "deploy:A",
            "write:a",
            "functions:deploy:a",
            "a b:c",
        ] {
            assert!(bad.parse::<Scope>().is_err(), "{bad}");
        }
    }
}
