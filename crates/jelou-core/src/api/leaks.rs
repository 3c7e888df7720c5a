//! Leaked tokens.

use serde::{Deserialize, Serialize};

use crate::{Slug, TokenName};

/// The most values of one report.
pub const MAX_LEAKED_VALUES: usize = 100;

/// Values that were found where they must not be: in a repository, a chat, a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReportLeak {
    /// Values of runtime tokens of any function, and of access tokens.
    #[schema(min_items = 1, max_items = 100)]
    pub values: Vec<String>,
}

impl std::fmt::Debug for ReportLeak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReportLeak")
            .field("values", &self.values.len())
            .finish()
    }
}

/// What happened to one reported value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeakedToken {
    pub outcome: LeakOutcome,
    /// The first characters of the value; null when it is no token.
    pub prefix: Option<String>,
    /// The id of the token; null when it is unknown.
    pub id: Option<String>,
    pub name: Option<TokenName>,
    /// The function of a runtime token.
    pub function: Option<Slug>,
}

impl LeakedToken {
    /// A value without a token of this server.
    pub fn without_token(outcome: LeakOutcome, prefix: Option<String>) -> Self {
        Self {
            outcome,
            prefix,
            id: None,
            name: None,
            function: None,
        }
    }
}

/// What happened to a reported value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum LeakOutcome {
    /// The token was revoked now, even if it was the last active token of its function.
    Revoked,
    /// It was the old value of a rotated token. The old value ended now; the new value still works.
    OldValueEnded,
    /// It was revoked, or its grace period ended, before.
    AlreadyInvalid,
    /// It is the last access token with the scope `admin`. Create another one, then revoke it.
    LastAdministrator,
    /// It has the form of a token, and this server does not know it.
    Unknown,
    /// It does not have the form of a token.
    Malformed,
}
