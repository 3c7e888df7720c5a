//! Which tools a request may see and call.

use http::Request;
use jelou_core::policy::RuntimeScopes;

use super::Exchange;
use crate::documents::mcp::{Catalog, Lists};
use crate::gateway::answer::Answer;
use crate::gateway::{Gateway, auth};
use crate::registry::Grant;

#[derive(Debug)]
pub(super) enum Access {
    Granted(Grant),
    /// No token was checked, so only public tools are visible.
    Public,
}

impl Access {
    /// Checks the token. An invalid token is refused even if some tools are public, so that its owner notices.
    pub(super) fn of<B>(
        exchange: Exchange<'_>,
        request: &Request<B>,
    ) -> Result<Self, Answer<'static>> {
        let Exchange {
            gateway,
            function,
            caller,
            ..
        } = exchange;
        let headers = request.headers();
        let catalog = &exchange.live.documents.mcp;
        let has_token = headers.contains_key(auth::TOKEN_HEADER);
        if catalog.is_public() || (catalog.has_public() && !has_token) {
            return Ok(Self::Public);
        }
        let grant = auth::grant(gateway, headers, function, caller)?;
        let outcome = grant.allow_mcp(request.method().as_str());
        auth::allowed(gateway, &grant, outcome)?;
        Ok(Self::Granted(grant))
    }

    /// Returns the grant of the caller's token, if a token was checked.
    pub(super) fn grant(&self) -> Option<&Grant> {
        match self {
            Self::Granted(grant) => Some(grant),
            Self::Public => None,
        }
    }

    /// Counts a message towards the token's rate and quota. Refuses a call of a tool that the token does not allow,
    /// without counting it.
    pub(super) fn admit(
        &self,
        gateway: &Gateway,
        called: Option<&str>,
    ) -> Result<(), Answer<'static>> {
        let Some(grant) = self.grant() else {
            return Ok(());
        };
        if let Some(tool) = called {
            auth::allowed(gateway, grant, grant.allow_mcp_tool(tool))?;
        }
        auth::count(gateway, grant)
    }

    /// Returns the tool lists for this caller.
    pub(super) fn lists<'a>(&self, catalog: &'a Catalog) -> &'a Lists {
        match self {
            Self::Granted(_) => catalog.all(),
            Self::Public => catalog.public(),
        }
    }

    /// Returns the token's scopes, if they do not allow all tools.
    pub(super) fn some_tools(&self) -> Option<&RuntimeScopes> {
        let scopes = self.grant()?.scopes();
        scopes.filter(|scopes| !scopes.allow_every_mcp_tool())
    }
}
