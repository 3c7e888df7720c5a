//! Errors of the store, grouped by the possible reaction of the caller.

use std::fmt;

use jelou_core::secret_key::MAX_SECRET_VALUE_BYTES;
use jelou_core::{SecretKey, Slug, TokenName};

use crate::database::DatabaseError;
use crate::vault::VaultError;

/// Why a request to the store failed. The database is unchanged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The resource does not exist.
    #[error("there is no {kind} `{what}`")]
    NotFound {
        /// The kind of the resource.
        kind: Resource,
        /// The given slug, id, name or key.
        what: String,
    },
    /// The change conflicts with the current state. The message gives details.
    #[error("{message}")]
    Conflict {
        /// Message for the caller.
        message: String,
    },
    /// Every function keeps at least one active token.
    #[error("`{token}` is the last active token of `{function}`")]
    LastToken {
        /// The token to revoke.
        token: TokenName,
        /// Its function.
        function: Slug,
    },
    /// The server keeps at least one active access token with the scope `admin`, because only such a token can create
    /// another.
    #[error("`{token}` is the last access token with the scope `admin`; create another one first")]
    LastAdministrator {
        /// The access token to revoke.
        token: TokenName,
    },
    /// The owner would have more secrets than the limit.
    #[error("there would be {count} secrets; the limit is {limit}")]
    TooManySecrets {
        /// The number of secrets after the change.
        count: i64,
        /// The limit.
        limit: usize,
    },
    /// The value of a secret exceeds the limit.
    #[error(
        "the value of `{key}` is {bytes} bytes; the limit is {MAX_SECRET_VALUE_BYTES} bytes (64 KB)"
    )]
    SecretTooLarge {
        /// The secret.
        key: SecretKey,
        /// The size of the value.
        bytes: usize,
    },
    /// The memory of a function is full.
    #[error("the function keeps {limit} values in its memory (limits.max_memory_entries)")]
    MemoryFull {
        /// The limit.
        limit: u64,
    },
    /// A value in the memory of a function exceeds the limit.
    #[error(
        "the value is {bytes} bytes; the limit is {limit} bytes (limits.max_memory_value_bytes)"
    )]
    MemoryValueTooLarge {
        /// The size of the value.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// A secret could not be encrypted, or the vault lacks a key.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// An error of the database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]

pub enum Resource {
    Function,
    Deployment,
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
            // The caller may have passed a complete token instead of its name.
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
