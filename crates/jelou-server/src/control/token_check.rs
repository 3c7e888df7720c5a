//! Whether a token may make a call, for its owner. The checks and their order are those of the gateway.

use http::StatusCode;
use jelou_core::Slug;
use jelou_core::api::{CheckToken, TokenCheck};
use jelou_core::policy::HttpMethod;

use super::{Control, ControlError};
use crate::registry::{Grant, KnownToken};

/// A refusal: its status and reason.
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
        if call.from.is_none() && token.policy.cidrs.is_some() {
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
        let fault = token.fault(self.clock.now());
        let unauthorized = fault.map(|reason| (StatusCode::UNAUTHORIZED, reason));
        unauthorized
            .or_else(|| forbidden(&token.grant, call).map(|reason| (StatusCode::FORBIDDEN, reason)))
            .or_else(|| over_rate(&token.grant))
    }
}

fn forbidden(grant: &Grant, call: &CheckToken) -> Option<String> {
    if let Some(address) = call.from
        && !grant.allows_caller(Some(address))
    {
        return Some(format!("its networks do not contain {address}"));
    }
    // MCP requests are POST requests.
    let method = call.method.unwrap_or(HttpMethod::Post);
    if !grant.allows_method(method.as_str()) {
        return Some(format!("its methods do not include {method}"));
    }
    let scopes = grant.scopes()?;
    let allowed = match (&call.tool, call.mcp) {
        (Some(tool), true) => scopes.allow_mcp_tool(tool),
        (Some(tool), false) => scopes.allow_route([tool.as_str()]),
        (None, true) => scopes.allow_every_mcp_tool(),
        (None, false) => scopes.allow_route([]),
    };
    (!allowed).then(|| "its scopes do not allow it".to_owned())
}

fn over_rate(grant: &Grant) -> Option<Refusal> {
    let status = grant.rate_status()?;
    (status.remaining == 0).then(|| {
        let reason = format!(
            "it is over its rate of {}; the next call may come in {} s",
            status.rate, status.reset
        );
        (StatusCode::TOO_MANY_REQUESTS, reason)
    })
}
