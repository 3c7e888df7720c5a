//! The scopes of a runtime token.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use super::{PolicyListError, set, text_schema};
use crate::text::written_as_text;

/// Maximum number of scopes of one token.
pub const MAX_RUNTIME_SCOPES: usize = 64;
/// Maximum length of a tool's name in characters, the same as at deploy.
const MAX_TOOL_NAME_LENGTH: usize = 64;

/// A part of a function that a runtime token may use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RuntimeScope {
    /// All HTTP routes.
    Invoke,
    /// `/mcp`, with all tools.
    Mcp,
    /// The tool with this name, over its HTTP route and over MCP.
    Tool(String),
}

/// The text is not a scope of a runtime token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseRuntimeScopeError {
    #[error("unknown scope `{0}`; the scopes are `invoke`, `mcp` and `tool:NAME`")]
    Unknown(String),
    #[error(
        "`{0}` is not the name of a tool: it has 1 to {MAX_TOOL_NAME_LENGTH} of `a-z A-Z 0-9 _ -`; `/__health` lists the tools"
    )]
    ToolName(String),
}

impl FromStr for RuntimeScope {
    type Err = ParseRuntimeScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(name) = text.strip_prefix("tool:") else {
            return match text {
                "invoke" => Ok(Self::Invoke),
                "mcp" => Ok(Self::Mcp),
                _ => Err(ParseRuntimeScopeError::Unknown(text.to_owned())),
            };
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if (1..=MAX_TOOL_NAME_LENGTH).contains(&name.len()) && name.chars().all(allowed) {
            Ok(Self::Tool(name.to_owned()))
        } else {
            Err(ParseRuntimeScopeError::ToolName(text.to_owned()))
        }
    }
}

impl fmt::Display for RuntimeScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invoke => f.write_str("invoke"),
            Self::Mcp => f.write_str("mcp"),
            Self::Tool(name) => write!(f, "tool:{name}"),
        }
    }
}

written_as_text!(RuntimeScope);

impl PartialSchema for RuntimeScope {
    fn schema() -> RefOr<Schema> {
        text_schema(
            "Every HTTP route (`invoke`), every tool over MCP (`mcp`), or one tool, both ways.",
            "^(invoke|mcp|tool:[a-zA-Z0-9_-]{1,64})$",
            "tool:sendEmail",
        )
    }
}

impl ToSchema for RuntimeScope {}

/// The parts of a function that a token may use: 1 to 64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Vec<RuntimeScope>", into = "Vec<RuntimeScope>")]
#[schema(value_type = Vec<RuntimeScope>, min_items = 1, max_items = 64)]
pub struct RuntimeScopes(BTreeSet<RuntimeScope>);

impl RuntimeScopes {
    /// Returns the scopes in order.
    pub fn iter(&self) -> impl Iterator<Item = &RuntimeScope> {
        self.0.iter()
    }

    /// Whether a request to a path is allowed. `tools` are the tools of the path, none if the path has no route.
    pub fn allow_route<'a>(&self, tools: impl IntoIterator<Item = &'a str>) -> bool {
        self.0.contains(&RuntimeScope::Invoke) || tools.into_iter().any(|tool| self.name(tool))
    }

    /// Whether `/mcp` may be used for at least one tool.
    pub fn allow_mcp(&self) -> bool {
        self.0
            .iter()
            .any(|scope| !matches!(scope, RuntimeScope::Invoke))
    }

    /// Whether the tool may be listed and called over MCP.
    pub fn allow_mcp_tool(&self, tool: &str) -> bool {
        self.allow_every_mcp_tool() || self.name(tool)
    }

    /// Whether every tool may be listed and called over MCP.
    pub fn allow_every_mcp_tool(&self) -> bool {
        self.0.contains(&RuntimeScope::Mcp)
    }

    /// Returns the tools of the `tool:NAME` scopes.
    pub fn tools(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|scope| match scope {
            RuntimeScope::Tool(name) => Some(name.as_str()),
            RuntimeScope::Invoke | RuntimeScope::Mcp => None,
        })
    }

    fn name(&self, tool: &str) -> bool {
        self.tools().any(|named| named == tool)
    }
}

impl TryFrom<Vec<RuntimeScope>> for RuntimeScopes {
    type Error = PolicyListError;

    fn try_from(scopes: Vec<RuntimeScope>) -> Result<Self, Self::Error> {
        set("scopes", MAX_RUNTIME_SCOPES, scopes).map(Self)
    }
}

impl From<RuntimeScopes> for Vec<RuntimeScope> {
    fn from(scopes: RuntimeScopes) -> Self {
        scopes.0.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(list: &[&str]) -> RuntimeScopes {
        let scopes: Vec<RuntimeScope> = list.iter().map(|text| text.parse().unwrap()).collect();
        RuntimeScopes::try_from(scopes).unwrap()
    }

    #[test]
    fn the_grammar() {
        for text in ["invoke", "mcp", "tool:sendEmail", "tool:a_b-9"] {
            assert_eq!(text.parse::<RuntimeScope>().unwrap().to_string(), text);
        }
        for text in ["", "Invoke", "tools", "tool", "functions:read", "invoke "] {
            let error = text.parse::<RuntimeScope>().unwrap_err();
            assert_eq!(error, ParseRuntimeScopeError::Unknown(text.to_owned()));
        }
        let long = "x".repeat(65);
        for name in ["", "a b", "ñ", "a:b", long.as_str()] {
            let text = format!("tool:{name}");
            let error = text.parse::<RuntimeScope>().unwrap_err();
            assert_eq!(error, ParseRuntimeScopeError::ToolName(text));
        }
    }

    #[test]
    fn what_each_scope_allows() {
        let invoke = scopes(&["invoke"]);
        assert!(invoke.allow_route(["a"]) && invoke.allow_route([]));
        assert!(!invoke.allow_mcp() && !invoke.allow_mcp_tool("a"));

        let mcp = scopes(&["mcp"]);
        assert!(!mcp.allow_route(["a"]) && !mcp.allow_route([]));
        assert!(mcp.allow_mcp() && mcp.allow_mcp_tool("a") && mcp.allow_every_mcp_tool());

        let tool = scopes(&["tool:a"]);
        assert!(tool.allow_route(["a"]) && tool.allow_route(["b", "a"]));
        assert!(!tool.allow_route(["b"]) && !tool.allow_route([]));
        assert!(tool.allow_mcp() && tool.allow_mcp_tool("a"));
        assert!(!tool.allow_mcp_tool("b") && !tool.allow_every_mcp_tool());

        let both = scopes(&["invoke", "tool:a"]);
        assert!(both.allow_route(["b"]) && both.allow_mcp_tool("a") && !both.allow_mcp_tool("b"));
    }

    #[test]
    fn a_list_has_from_one_to_the_limit() {
        let list = |count: usize| {
            let scopes: Vec<_> = (0..count)
                .map(|number| RuntimeScope::Tool(number.to_string()))
                .collect();
            RuntimeScopes::try_from(scopes)
        };
        let what = "scopes";
        assert_eq!(list(0), Err(PolicyListError::Empty { what }));
        assert!(list(64).is_ok());
        let (count, limit) = (65, 64);
        assert_eq!(
            list(65),
            Err(PolicyListError::TooMany { what, count, limit })
        );
        // Duplicates count once.
        assert_eq!(scopes(&["mcp", "mcp"]).iter().count(), 1);
    }
}
