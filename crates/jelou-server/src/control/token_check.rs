//! Checks for the owner of a token whether the token allows a call. Uses the same checks of the grant as the gateway.

use http::StatusCode;
use jelou_core::Slug;
use jelou_core::api::{CheckToken, TokenCheck};
use jelou_core::policy::HttpMethod;

use super::{Control, ControlError};
use crate::registry::{Denied, Grant, KnownToken};

type Refusal = (StatusCode, String);

impl Control {
    pub(crate) async fn check_token(
        &self,
        slug: &Slug,
        reference: &str,
        call: CheckToken,
    ) -> Result<TokenCheck, ControlError> {
        let function = self.store.function_id(slug).await?;
        let token = self.store.resolve_token(&function, reference).await?;
        if let Some(tool) = &call.tool {
            self.check_tool(slug, tool)?;
        }
        let known = self.registry.tokens.known(&token.hash);
        let mut unchecked = Vec::new();
        let has_networks = known
            .as_ref()
            .is_some_and(|known| known.grant.has_networks());
        if call.from.is_none() && has_networks {
            unchecked.push("its networks were not checked, because no address is given".to_owned());
        }
        let refusal = known.and_then(|known| self.refusal(&known, &call));
        Ok(TokenCheck {
            allowed: refusal.is_none(),
            status: refusal.as_ref().map(|(status, _)| status.as_u16()),
            reason: refusal.map(|(_, reason)| reason),
            unchecked,
        })
    }

    fn check_tool(&self, slug: &Slug, tool: &str) -> Result<(), ControlError> {
        let live = self.registry.live(slug);
        let tools = live.iter().flat_map(|live| &live.manifest.tools);
        let names: Vec<_> = tools.map(|tool| tool.name.as_str()).collect();
        if names.contains(&tool) {
            return Ok(());
        }
        Err(ControlError::Invalid {
            detail: format!(
                "`{slug}` has no tool `{tool}`; its tools are: {}",
                names.join(", ")
            ),
            hint: "`/__health` of the function lists its tools",
        })
    }

    fn refusal(&self, token: &KnownToken, call: &CheckToken) -> Option<Refusal> {
        if let Some(reason) = token.fault(self.clock.now()) {
            return Some((StatusCode::UNAUTHORIZED, reason));
        }
        if let Err(denied) = permitted(&token.grant, call) {
            return Some((StatusCode::FORBIDDEN, denied.reason().to_owned()));
        }
        let exceeded = token.grant.limit_status(&self.clock)?.exceeded()?;
        Some((StatusCode::TOO_MANY_REQUESTS, exceeded.reason()))
    }
}

/// Runs the gateway's checks of the grant.
fn permitted(grant: &Grant, call: &CheckToken) -> Result<(), Denied> {
    if call.from.is_some() {
        grant.allow_caller(call.from)?;
    }
    // A call without a method is checked as POST, like MCP requests.
    let method = call.method.unwrap_or(HttpMethod::Post).as_str();
    if !call.mcp {
        return grant.allow_route(method, call.tool.as_deref());
    }
    grant.allow_mcp(method)?;
    call.tool
        .as_deref()
        .map_or(Ok(()), |tool| grant.allow_mcp_tool(tool))
}
