//! The identity that a caller acts for: `ctx.company`, `ctx.bot`, `ctx.user` and so on. A caller in a trusted network
//! sends it as JSON in a header. The gateway removes this header from the requests of other callers.

use http::HeaderMap;
use jelou_core::manifest::Tool;
use jelou_core::policy::RuntimeScopes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Caller, Gateway, auth};
use crate::registry::{Function, Grant};

/// Name of the header. Its value is JSON.
const HEADER: &str = "x-jelou-identity";
/// Maximum bytes of the header.
const MAX_BYTES: usize = 8 * 1024;

#[derive(Debug)]
pub(crate) struct Identity {
    /// The JSON text for the function.
    pub(crate) json: String,
    parsed: Parsed,
}

/// The caller is trusted, but the header is not a valid identity.
#[derive(Debug)]
pub(crate) struct Unreadable;

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parsed {
    #[serde(skip_serializing_if = "Option::is_none")]
    company: Option<Known>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bot: Option<Known>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Known>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<Known>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<Known>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skill_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_id: Option<String>,
}

/// An entity with an id and other properties.
#[derive(Debug, Deserialize, Serialize)]
struct Known {
    id: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Identity {
    /// Returns the memory scope of the request within its function: that of its user, otherwise that of its
    /// conversation.
    pub(crate) fn memory_scope(&self) -> String {
        let Parsed {
            user, conversation, ..
        } = &self.parsed;
        match (user, conversation) {
            (Some(user), _) => format!("user:{}", user.id),
            (None, Some(conversation)) => format!("conversation:{}", conversation.id),
            (None, None) => String::new(),
        }
    }

    // Not inlined: it is rarely called, and would enlarge the code of every call.
    #[inline(never)]
    fn parse(header: &[u8]) -> Result<Self, Unreadable> {
        if header.len() > MAX_BYTES {
            return Err(Unreadable);
        }
        let parsed: Parsed = serde_json::from_slice(header).map_err(|_| Unreadable)?;
        let json = serde_json::to_string(&parsed).map_err(|_| Unreadable)?;
        Ok(Self { json, parsed })
    }
}

/// Returns the identity of a request. Requires a valid token, even for a public tool.
pub(crate) fn of(
    gateway: &Gateway,
    headers: &HeaderMap,
    function: &Function,
    tool: &Tool,
    caller: Caller,
    grant: Option<&Grant>,
) -> Result<Option<Identity>, Unreadable> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let trusted = caller
        .address
        .is_some_and(|peer| gateway.identity_trusted.contain(peer));
    if !trusted {
        return Ok(None);
    }
    let granted = match grant {
        Some(grant) => Ok(grant.clone()),
        None => auth::grant(gateway, headers, function, caller),
    };
    let Ok(grant) = granted else {
        return Ok(None);
    };
    // A caller whose token does not allow this tool can still call the tool if it is public, but without an identity.
    let tool = tool.name.as_str();
    let is_for_tool =
        |scopes: &RuntimeScopes| scopes.allow_route([tool]) || scopes.allow_mcp_tool(tool);
    if !grant.scopes().is_none_or(is_for_tool) {
        return Ok(None);
    }
    if values.next().is_some() {
        return Err(Unreadable);
    }
    Identity::parse(value.as_bytes()).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(json: &str) -> String {
        Identity::parse(json.as_bytes()).unwrap().memory_scope()
    }

    #[test]
    fn memory_belongs_to_the_user_else_to_the_conversation() {
        let both = r#"{"user":{"id":"7","names":"Ana"},"conversation":{"id":"7"}}"#;
        assert_eq!(scope(both), "user:7");
        assert_eq!(scope(r#"{"conversation":{"id":"7"}}"#), "conversation:7");
        assert_eq!(scope(r#"{"company":{"id":"1","name":"Jelou"}}"#), "");
    }

    #[test]
    fn what_is_passed_on_is_what_was_understood() {
        let given = r#" {"user": {"id": "7", "roomId": "r"}, "skillId": "s", "executionId": "e"} "#;
        let identity = Identity::parse(given.as_bytes()).unwrap();
        assert_eq!(
            identity.json,
            r#"{"user":{"id":"7","roomId":"r"},"skillId":"s","executionId":"e"}"#
        );
        let long = format!(r#"{{"skillId":"{}"}}"#, "x".repeat(MAX_BYTES));
        for unreadable in ["", "{", "[]", r#"{"user":{}}"#, r#"{"admin":true}"#, &long] {
            assert!(
                Identity::parse(unreadable.as_bytes()).is_err(),
                "{unreadable}"
            );
        }
    }
}
