//! Authenticates and authorises requests with the access token in `Authorization: Bearer` (RFC 6750).

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::header;
use http::request::Parts;
use jelou_core::{MissingScope, Scope, Slug, Verb};
use jelou_store::Actor;
use jelou_token::{AccessToken, RuntimeToken};

use super::app::App;
use super::extract;
use super::problem::ApiError;
use super::refusals::AskedBy;
use crate::gateway::Caller;
use crate::peers::PeerKeys;
use crate::registry::AccessTokenEntry;

/// Proof that the caller has a valid access token.
pub(crate) struct Authenticated {
    pub(crate) token: Arc<AccessTokenEntry>,
    /// The caller's address. Behind trusted proxies, the address of the client and not of the proxy.
    address: Option<IpAddr>,
}

impl Authenticated {
    pub(crate) fn actor(&self) -> Actor {
        self.token.actor(self.address)
    }

    /// Whether the caller may read this function.
    pub(crate) fn may_read(&self, slug: &Slug) -> bool {
        let scope = Scope::Function(Verb::Read, slug.clone());
        self.token.scopes.allows(&scope)
    }

    /// Whether the caller may read every function.
    pub(crate) fn may_read_all(&self) -> bool {
        self.token.scopes.allows(&Scope::EveryFunction(Verb::Read))
    }

    /// # Errors
    /// The access token does not include the scope.
    pub(crate) fn require(self, scope: &Scope) -> Result<Self, ApiError> {
        match self.token.scopes.require(scope, &self.token.name) {
            Ok(()) => Ok(self),
            Err(missing) => Err(ApiError::forbidden(missing.to_string()).hint(MissingScope::HINT)),
        }
    }
}

impl FromRequestParts<App> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, control: &App) -> Result<Self, ApiError> {
        Self::read(parts, control)
    }
}

impl Authenticated {
    /// Authenticates the request.
    ///
    /// # Errors
    /// The request has no valid access token.
    pub(crate) fn read(parts: &mut Parts, control: &App) -> Result<Self, ApiError> {
        const HOW: &str = "send an access token: `Authorization: Bearer jfn_pat_...`";
        let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(ApiError::unauthorized(
                "the request has no Authorization header, or several",
            )
            .hint(HOW));
        };
        let Some(token) = bearer(value.as_bytes()) else {
            return Err(
                ApiError::unauthorized("the Authorization header is not a Bearer token").hint(HOW),
            );
        };
        if RuntimeToken::hash_presented(token).is_some() {
            return Err(ApiError::unauthorized(
                "this is a runtime token, which calls a function; the management API takes an access token",
            )
            .hint(HOW));
        }
        let known = AccessToken::hash_presented(token)
            .and_then(|hash| control.registry.access_tokens.get(&hash))
            .ok_or_else(|| {
                ApiError::unauthorized("the access token is not valid, or was revoked")
                    .hint("log in with a valid one: `jelou login`")
            })?;
        AskedBy::note(parts, &known.name.to_string());
        let now = control.clock.now();
        if known.is_expired(now) {
            let expired = known.expires_at.unwrap_or(now);
            return Err(ApiError::unauthorized(format!(
                "the access token expired at {expired:.0}; the server's clock says {now:.0}"
            ))
            .hint("log in with a valid one: `jelou login`; if the time is wrong, set the server's clock"));
        }
        known.last_used.touch(control.clock.now_ms());
        let caller = parts.extensions.get::<Caller>();
        Ok(Self {
            token: known,
            address: caller.and_then(|caller| caller.address),
        })
    }
}

/// Returns the token of a `Bearer` header. The name of the scheme is case-insensitive (RFC 9110, section 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

/// Returns the caller, if it may do this kind of work on the function in the path.
async fn on_function(
    parts: &mut Parts,
    control: &App,
    verb: Verb,
) -> Result<Authenticated, ApiError> {
    let caller = Authenticated::from_request_parts(parts, control).await?;
    let slug = extract::slug(parts, control).await?;
    caller.require(&Scope::Function(verb, slug))
}

macro_rules! reads_function {
    ($(#[$doc:meta])* $name:ident, $verb:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl FromRequestParts<App> for $name {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, control: &App) -> Result<Self, ApiError> {
                on_function(parts, control, $verb).await.map(|_| Self)
            }
        }
    };
}

reads_function!(
    /// Extracts a caller that may read the function in the path.
    Reader,
    Verb::Read
);
reads_function!(
    /// Extracts a caller that may read the logs of the function in the path.
    LogReader,
    Verb::Logs
);

macro_rules! changes_function {
    ($(#[$doc:meta])* $name:ident, $verb:expr) => {
        $(#[$doc])*
        pub(crate) struct $name(pub(crate) Authenticated);

        impl FromRequestParts<App> for $name {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, control: &App) -> Result<Self, ApiError> {
                on_function(parts, control, $verb).await.map(Self)
            }
        }
    };
}

changes_function!(
    /// Extracts a caller that may deploy the function in the path.
    Deployer,
    Verb::Deploy
);
changes_function!(
    /// Extracts a caller that may change the runtime tokens of the function in the path.
    TokenWriter,
    Verb::Tokens
);
changes_function!(
    /// Extracts a caller that may change the secrets of the function in the path.
    SecretWriter,
    Verb::Secrets
);

/// Proof that another server of the same database asks.
pub(crate) struct FromServer;

impl FromRequestParts<App> for FromServer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, control: &App) -> Result<Self, ApiError> {
        let Some(node) = control.store.node() else {
            return Err(ApiError::no_such_route());
        };
        let target = parts
            .uri
            .path_and_query()
            .map_or("", |target| target.as_str());
        let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
        let value = values.next().filter(|_| values.next().is_none());
        PeerKeys::of(control.store.vault())
            .check(value, node, &parts.method, target, control.clock.now_ms())
            .map_err(|refused| ApiError::unauthorized(refused.to_string()))?;
        Ok(Self)
    }
}

macro_rules! everywhere {
    ($(#[$doc:meta])* $name:ident, $scope:expr) => {
        $(#[$doc])*
        pub(crate) struct $name(pub(crate) Authenticated);

        impl FromRequestParts<App> for $name {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, control: &App) -> Result<Self, ApiError> {
                let caller = Authenticated::from_request_parts(parts, control).await?;
                caller.require(&$scope).map(Self)
            }
        }
    };
}

everywhere!(
    /// Extracts a caller that may change every function.
    Writer,
    Scope::FunctionsWrite
);
everywhere!(
    /// Extracts a caller that may do everything.
    Administrator,
    Scope::Admin
);
