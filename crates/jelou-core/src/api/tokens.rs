//! Runtime tokens.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::policy::{Cidrs, Rate, RuntimeScopes};
use crate::{TokenId, TokenName, TokenPolicy};

/// A runtime token, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RuntimeToken)]
pub struct RuntimeTokenInfo {
    pub id: TokenId,
    pub name: TokenName,
    /// The first 11 characters.
    #[schema(example = "jfn_rt_abc1")]
    pub prefix: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Name of the access token that created it.
    pub created_by: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// The parts of the function that it may use; all of them when null.
    #[serde(default)]
    pub scopes: Option<RuntimeScopes>,
    /// The networks that it may be used from; any when null.
    #[serde(default)]
    pub cidrs: Option<Cidrs>,
    /// How many calls it may make; any number when null.
    #[serde(default)]
    pub rate: Option<Rate>,
}

impl RuntimeTokenInfo {
    /// Whether the token may call its function at that time.
    pub fn is_active(&self, at: Timestamp) -> bool {
        self.expires_at.is_none_or(|expires_at| expires_at > at)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateToken {
    pub name: TokenName,
    /// Revoke the token that has the name, where there is one, in the same step.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replace: bool,
    /// Seconds until it expires; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// The parts of the function that it may use; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<RuntimeScopes>,
    /// The networks that it may be used from; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidrs: Option<Cidrs>,
    /// How many calls it may make; any number when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

impl CreateToken {
    /// The limits that the token is to have.
    pub fn policy(&self) -> TokenPolicy {
        TokenPolicy {
            scopes: self.scopes.clone(),
            cidrs: self.cidrs.clone(),
            rate: self.rate,
        }
    }
}

/// A new runtime token with its value, which no other answer holds.
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
