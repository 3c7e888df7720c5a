//! Access tokens.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::PreviousValue;
use crate::{AccessTokenId, Scopes, TokenName};

/// An access token, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AccessToken)]
pub struct AccessTokenInfo {
    pub id: AccessTokenId,
    pub name: TokenName,
    /// The first 12 characters of the value.
    #[schema(example = "jfn_pat_abc1")]
    pub prefix: String,
    pub scopes: Scopes,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Name of the access token that created it, or `system`.
    #[serde(default)]
    pub created_by: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// The value before the last rotation, until its grace period ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousValue>,
}

impl AccessTokenInfo {
    /// Returns the old value if it is still valid at `now`.
    pub fn in_grace(&self, now: Timestamp) -> Option<&PreviousValue> {
        let previous = self.previous.as_ref();
        previous.filter(|previous| previous.valid_until > now)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateAccessToken {
    pub name: TokenName,
    pub scopes: Scopes,
    /// Seconds until the token expires. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// The time at which the token expires, instead of `expiresIn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// A new access token with its value. No other response contains the value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatedAccessToken {
    /// The value.
    pub token: String,
    #[serde(flatten)]
    pub details: AccessTokenInfo,
    /// Effects that the caller may not expect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl std::fmt::Debug for CreatedAccessToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedAccessToken")
            .field("details", &self.details)
            .finish_non_exhaustive()
    }
}
