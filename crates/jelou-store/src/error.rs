//! Errors of the store, grouped by what the caller can do.

use std::fmt;

use jelou_core::secret_key::MAX_SECRET_VALUE_BYTES;
use jelou_core::{SecretKey, Slug, TokenName};

use crate::database::DatabaseError;
use crate::vault::VaultError;

/// The reason why a request to the store failed. The database is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The resource does not exist.
    #[error("there is no {kind} `{what}`")]
    NotFound {
        kind: Resource,
        /// The slug, id, name or key that was given.
        what: String,
    },
    /// The change conflicts with the current state. The message gives details.
    #[error("{message}")]
    Conflict {
        /// The message for the caller.
        message: String,
    },
    /// The last active token of a function cannot be revoked or disabled.
    #[error("`{token}` is the last active token of `{function}`")]
    LastToken {
        /// The token that would be revoked or disabled.
        token: TokenName,
        function: Slug,
    },
    /// The last active access token with the scope `admin` cannot be revoked, because only such a token can create
    /// another one.
    #[error("`{token}` is the last access token with the scope `admin`; create another one first")]
    LastAdministrator {
        /// The access token that would be revoked.
        token: TokenName,
    },
    /// The owner would have more secrets than the limit.
    #[error("there would be {count} secrets; the limit is {limit}")]
    TooManySecrets {
        /// The number of secrets that the owner would have.
        count: i64,
        limit: usize,
    },
    /// The value of a secret exceeds the limit.
    #[error(
        "the value of `{key}` is {bytes} bytes; the limit is {MAX_SECRET_VALUE_BYTES} bytes (64 KB)"
    )]
    SecretTooLarge {
        /// The key of the secret.
        key: SecretKey,
        /// The size of the value in bytes.
        bytes: usize,
    },
    /// The function has the maximum number of values in its memory.
    #[error(
        "the function keeps {limit} values in its memory (limits.max_memory_entries, a server setting)"
    )]
    MemoryFull {
        /// The maximum number of values.
        limit: u64,
    },
    /// A value in the memory of a function exceeds the limit.
    #[error(
        "the value is {bytes} bytes; the limit is {limit} bytes (limits.max_memory_value_bytes, a server setting)"
    )]
    MemoryValueTooLarge {
        /// The size of the value in bytes.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// An error of the vault, such as a missing key.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// An error of the database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    Function,
    Deployment,
    Preview,
    Artifact,
    RuntimeToken,
    AccessToken,
    Secret,
    EgressRule,
    Limit,
    Schedule,
    Run,
    TrustPolicy,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Function => "function",
            Self::Deployment => "deployment",
            Self::Preview => "preview",
            Self::Artifact => "artifact",
            Self::RuntimeToken => "runtime token",
            Self::AccessToken => "access token",
            Self::Secret => "secret",
            Self::EgressRule => "egress rule",
            Self::Limit => "limit of the function",
            Self::Schedule => "schedule",
            Self::Run => "run",
            Self::TrustPolicy => "trust policy",
        })
    }
}

impl StoreError {
    pub(crate) fn not_found(kind: Resource, what: impl fmt::Display) -> Self {
        Self::NotFound {
            kind,
            // The caller may have given a complete token instead of its name, so it is redacted.
            what: jelou_token::redact(&what.to_string()).into_owned(),
        }
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::Conflict {
            message: message.into(),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}
