//! Runtime tokens.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Patch;
use crate::policy::{Cidrs, HttpMethod, HttpMethods, Quota, Rate, RuntimeScopes};
use crate::token_labels::{Note, Tag, Tags};
use crate::{TokenId, TokenLabels, TokenName, TokenPolicy};

/// A runtime token, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RuntimeToken)]
pub struct RuntimeTokenInfo {
    pub id: TokenId,
    pub name: TokenName,
    /// The first 11 characters of the value.
    #[schema(example = "jfn_rt_abc1")]
    pub prefix: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
    /// Where the last call came from: `local`, `private` or `public`. The address itself if the server records
    /// addresses.
    #[serde(default)]
    #[schema(example = "public")]
    pub last_used_from: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Name of the access token that created it.
    pub created_by: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was disabled; null while it is enabled.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disabled_at: Option<Timestamp>,
    /// The parts of the function that the token may use. When null: all parts.
    #[serde(default)]
    pub scopes: Option<RuntimeScopes>,
    /// The networks from which the token may be used. When null: any network.
    #[serde(default)]
    pub cidrs: Option<Cidrs>,
    /// The HTTP methods that the token may use. When null: any method.
    #[serde(default)]
    pub methods: Option<HttpMethods>,
    /// Maximum number of calls in a short time. When null: no limit.
    #[serde(default)]
    pub rate: Option<Rate>,
    /// Maximum number of calls in a calendar day or month. When null: no limit.
    #[serde(default)]
    pub quota: Option<Quota>,
    /// The person or team that is responsible for the token.
    #[serde(default)]
    pub owner: Option<Note>,
    /// The purpose of the token.
    #[serde(default)]
    pub purpose: Option<Note>,
    #[serde(default)]
    pub tags: Tags,
    /// The value before the last rotation; null if it was never rotated.
    #[serde(default)]
    pub previous: Option<PreviousValue>,
}

impl RuntimeTokenInfo {
    /// Whether the token may call its function at `at`.
    pub fn is_active(&self, at: Timestamp) -> bool {
        self.disabled_at.is_none() && self.expires_at.is_none_or(|expires_at| expires_at > at)
    }

    /// Returns the value before the last rotation, if it is still valid at `at`.
    pub fn in_grace(&self, at: Timestamp) -> Option<&PreviousValue> {
        let previous = self.previous.as_ref()?;
        (self.is_active(at) && previous.valid_until > at).then_some(previous)
    }
}

/// A page of a function's unrevoked tokens, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RuntimeTokenPage {
    pub items: Vec<RuntimeTokenInfo>,
    /// Pass as `after` to get the next page. Null on the last page.
    pub next: Option<TokenId>,
}

/// The value of a token before its last rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviousValue {
    /// The first 11 characters of the value.
    #[schema(example = "jfn_rt_abc1")]
    pub prefix: String,
    /// The end of its grace period.
    #[schema(value_type = String, format = DateTime)]
    pub valid_until: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateToken {
    pub name: TokenName,
    /// Revoke an existing token with this name, in the same transaction.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replace: bool,
    /// Seconds until the token expires. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// The time at which the token expires, instead of `expiresIn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// The parts of the function that the token may use. When absent: all parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<RuntimeScopes>,
    /// The networks from which the token may be used. When absent: any network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidrs: Option<Cidrs>,
    /// The HTTP methods that the token may use. When absent: any method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub methods: Option<HttpMethods>,
    /// Maximum number of calls in a short time. When absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Maximum number of calls in a calendar day or month. When absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    /// The person or team that is responsible for the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Note>,
    /// The purpose of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Note>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
}

impl CreateToken {
    /// Creates a request for an unlimited token that replaces the token with this name.
    pub fn replacing(name: TokenName) -> Self {
        Self {
            name,
            replace: true,
            expires_in: None,
            expires_at: None,
            scopes: None,
            cidrs: None,
            methods: None,
            rate: None,
            quota: None,
            owner: None,
            purpose: None,
            tags: Tags::default(),
        }
    }

    /// Returns the limits of the requested token.
    pub fn policy(&self) -> TokenPolicy {
        TokenPolicy {
            scopes: self.scopes.clone(),
            cidrs: self.cidrs.clone(),
            methods: self.methods.clone(),
            rate: self.rate,
            quota: self.quota.clone(),
        }
    }

    /// Returns the labels of the requested token.
    pub fn labels(&self) -> TokenLabels {
        TokenLabels {
            owner: self.owner.clone(),
            purpose: self.purpose.clone(),
            tags: self.tags.clone(),
        }
    }
}

/// A change of a token (JSON merge patch, RFC 7396): an absent field stays unchanged, null removes the value. The
/// change applies from the next call on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateToken {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<TokenName>,
    /// Whether the token is disabled. All calls with a disabled token are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// The time at which the token expires. Null: never.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Patch<Timestamp>,
    /// The parts of the function that the token may use. When null: all parts.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<RuntimeScopes>)]
    pub scopes: Patch<RuntimeScopes>,
    /// The networks from which the token may be used. When null: any network.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Cidrs>)]
    pub cidrs: Patch<Cidrs>,
    /// The HTTP methods that the token may use. When null: any method.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<HttpMethods>)]
    pub methods: Patch<HttpMethods>,
    /// Maximum number of calls in a short time. When null: no limit.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Rate>)]
    pub rate: Patch<Rate>,
    /// Maximum number of calls in a calendar day or month. When null: no limit. A change keeps the count of the current
    /// period if the kind of period and the time zone stay the same.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Quota>)]
    pub quota: Patch<Quota>,
    /// The person or team that is responsible for the token.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Note>)]
    pub owner: Patch<Note>,
    /// The purpose of the token.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Note>)]
    pub purpose: Patch<Note>,
    /// The new tags. They replace all earlier tags.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<Tags>)]
    pub tags: Patch<Tags>,
}

/// A rotation of a token: it gets a new value, and keeps its id, name, limits and labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotateToken {
    /// Seconds for which the old value stays valid. Default: 0. Maximum: 30 days.
    #[serde(default)]
    pub grace_seconds: u64,
}

/// Selects the tokens to revoke. A token is revoked if it matches all given fields.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevokeTokens {
    /// Ids of tokens. If one of them is not an unrevoked token of the function, no token is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<TokenId>>,
    /// Tokens with this tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "ci")]
    pub tag: Option<Tag>,
    /// Tokens that the access token with this name created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Revoke even the last active token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
}

/// A new runtime token with its value. No other response contains the value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatedToken {
    /// The value.
    pub token: String,
    #[serde(flatten)]
    pub details: RuntimeTokenInfo,
    /// Possible mistakes in the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl std::fmt::Debug for CreatedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedToken")
            .field("details", &self.details)
            .finish_non_exhaustive()
    }
}

/// A call for which a token is checked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckToken {
    /// The tool that is called; any tool of the function when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Whether the tool is called over MCP.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mcp: bool,
    /// The HTTP method; POST when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<HttpMethod>,
    /// The caller's address. When absent, the networks are not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "203.0.113.9")]
    pub from: Option<IpAddr>,
}

/// Whether a token may make a call now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenCheck {
    pub allowed: bool,
    /// The status with which the call would be refused. Null when it is allowed.
    pub status: Option<u16>,
    /// The reason for the refusal. Null when the call is allowed. Callers never see the reason.
    pub reason: Option<String>,
    /// Limits that could not be checked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchecked: Vec<String>,
}
