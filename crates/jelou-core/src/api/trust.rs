//! Trust policies, and the exchange of identity tokens (RFC 8693).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::policy::{Cidrs, HttpMethods, Quota, Rate, RuntimeScopes};
use crate::trust::{Conditions, Issuer};
use crate::{Scopes, Slug, TokenName, TokenPolicy, TrustId};

/// The calls that an exchanged runtime token may make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallGrant {
    pub function: Slug,
    /// The parts of the function that the token may use. When absent: all parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<RuntimeScopes>,
    /// The networks from which the token may be used. When absent: any network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidrs: Option<Cidrs>,
    /// The HTTP methods that the token may use. When absent: any method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub methods: Option<HttpMethods>,
    /// Maximum number of calls of each exchanged token in a short time. When absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Maximum number of calls in a calendar day or month. When absent: no limit. Each exchanged token counts its own
    /// calls, as with the rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
}

impl CallGrant {
    /// Returns the limits of the runtime token.
    pub fn policy(&self) -> TokenPolicy {
        TokenPolicy {
            scopes: self.scopes.clone(),
            cidrs: self.cidrs.clone(),
            methods: self.methods.clone(),
            rate: self.rate,
            quota: self.quota.clone(),
        }
    }
}

/// A new trust policy: which identity tokens it accepts, and which token they are exchanged for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateTrust {
    /// Name of the policy. Default: derived from the issuer and the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<TokenName>,
    pub issuer: Issuer,
    /// The URL of the issuer (the claim `iss`). Default: github.com or gitlab.com. Required for other issuers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_url: Option<String>,
    /// The required audience of identity tokens, usually the URL of this server.
    pub audience: String,
    #[serde(flatten)]
    pub conditions: Conditions,
    /// Scopes of the issued access token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Scopes>,
    /// Issue a runtime token for this function, instead of an access token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallGrant>,
}

/// A trust policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrustPolicy {
    pub id: TrustId,
    pub name: TokenName,
    pub issuer: Issuer,
    pub issuer_url: String,
    pub audience: String,
    #[serde(flatten)]
    pub conditions: Conditions,
    #[serde(default)]
    pub scopes: Option<Scopes>,
    #[serde(default)]
    pub call: Option<CallGrant>,
    /// The ids in the first exchanged identity token, such as `repository_owner_id`. Identity tokens with other ids are
    /// refused, even if the names are equal.
    #[serde(default)]
    pub pinned: BTreeMap<String, String>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    pub created_by: String,
    /// Time of the last exchange.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
}

/// The answer to an exchange (RFC 8693, section 2.2.1).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ExchangedToken)]
pub struct ExchangedToken {
    /// The value: `jfn_pat_...` or `jfn_rt_...`.
    pub access_token: String,
    #[schema(example = "urn:ietf:params:oauth:token-type:access_token")]
    pub issued_token_type: String,
    /// `Bearer` for an access token. `N_A` for a runtime token, which is sent in `X-Jelou-Token`.
    #[schema(example = "Bearer")]
    pub token_type: String,
    /// Seconds until the token expires.
    #[schema(example = 900)]
    pub expires_in: u64,
    /// Scopes of the access token. Absent for a runtime token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "deploy:mi-funcion")]
    pub scope: Option<String>,
}

impl std::fmt::Debug for ExchangedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExchangedToken")
            .field("token_type", &self.token_type)
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}
