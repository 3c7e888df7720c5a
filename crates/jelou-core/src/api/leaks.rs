//! Leaked tokens.

use serde::{Deserialize, Serialize};

use crate::{Slug, TokenName};

/// Maximum number of values in one report.
pub const MAX_LEAKED_VALUES: usize = 100;

/// Token values that were found where they must not be: in a repository, a chat, a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReportLeak {
    /// Values of access tokens, and of runtime tokens of any function.
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
    /// The first characters of the value. Null if the value is not a token.
    pub prefix: Option<String>,
    /// The id of the token. Null if this server does not know the token.
    pub id: Option<String>,
    pub name: Option<TokenName>,
    /// The function of a runtime token.
    pub function: Option<Slug>,
}

impl LeakedToken {
    /// Creates the result for a value that is not a token of this server.
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
    /// The server revoked the token, even if it was the last active token of its function.
    Revoked,
    /// The value was the old value of a rotated token. The old value is invalid now; the new value still works.
    OldValueEnded,
    /// The token was already revoked, or the grace period of the old value was over.
    AlreadyInvalid,
    /// The value is the last access token with the scope `admin`. Create another such token, then revoke this token.
    LastAdministrator,
    /// The value has the form of a token, but this server has no such token.
    Unknown,
    /// The value does not have the form of a token.
    Malformed,
}
