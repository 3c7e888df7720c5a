//! What can go wrong, told apart by what the caller should do about it.

use std::fmt;
use std::path::PathBuf;

use jelou_core::secret_key::MAX_SECRET_VALUE_BYTES;
use jelou_core::{SecretKey, Slug, TokenName};
use sqlx::migrate::MigrateError;

use crate::sqlite::{self, Condition};
use crate::vault::VaultError;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    #[error("there is no {kind} `{what}`")]
    NotFound { kind: Resource, what: String },
    /// The message says with what.
    #[error("{message}")]
    Conflict { message: String },
    #[error("`{token}` is the last active token of `{function}`")]
    LastToken { token: TokenName, function: Slug },
    #[error("there would be {count} secrets; the limit is {limit}")]
    TooManySecrets { count: i64, limit: usize },
    #[error(
        "the value of `{key}` is {bytes} bytes; the limit is {MAX_SECRET_VALUE_BYTES} bytes (64 KB)"
    )]
    SecretTooLarge { key: SecretKey, bytes: usize },
    #[error("the function keeps {limit} values in its memory (limits.max_memory_entries)")]
    MemoryFull { limit: u64 },
    #[error(
        "the value is {bytes} bytes; the limit is {limit} bytes (limits.max_memory_value_bytes)"
    )]
    MemoryValueTooLarge { bytes: u64, limit: u64 },
    /// Busy, locked, gone or closed: the same change may succeed later.
    #[error("the database is not available")]
    Unavailable(#[source] Option<sqlx::Error>),
    /// Nothing was changed.
    #[error("the disk of the database is full")]
    DiskFull(#[source] sqlx::Error),
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database holds something that no version of this program wrote.
    #[error("the database holds a value in `{place}` that cannot be read: {reason}")]
    Corrupt { place: String, reason: String },
    #[error("cannot create the database file `{path}`")]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// Written by a newer version of this program.
    #[error(
        "the database was migrated by a newer version (migration {migration}); run that version or restore a backup"
    )]
    NewerDatabase { migration: i64 },
    #[error("the database could not be migrated")]
    Migration(#[source] MigrateError),
    /// A mistake of this program rather than of its caller.
    #[error("the database refused a statement")]
    Database(#[source] sqlx::Error),
}

/// What was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    Function,
    Deployment,
    Artifact,
    RuntimeToken,
    AccessToken,
    Secret,
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
        })
    }
}

impl StoreError {
    pub(crate) fn not_found(kind: Resource, what: impl fmt::Display) -> Self {
        Self::NotFound {
            kind,
            // Somebody may have given a whole token in the place of its name.
            what: jelou_token::redact(&what.to_string()).into_owned(),
        }
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::Conflict {
            message: message.into(),
        }
    }

    pub(crate) fn corrupt(place: &str, reason: impl fmt::Display) -> Self {
        Self::Corrupt {
            place: place.to_owned(),
            reason: reason.to_string(),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match &error {
            E::Database(refusal) => match sqlite::condition(refusal.as_ref()) {
                Condition::Unavailable => Self::Unavailable(Some(error)),
                Condition::DiskFull => Self::DiskFull(error),
                Condition::Corrupt => Self::corrupt("the database file", refusal),
                Condition::Duplicate => Self::conflict("it exists already"),
                Condition::Other => Self::Database(error),
            },
            E::Io(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::BeginFailed => {
                Self::Unavailable(Some(error))
            }
            E::ColumnDecode { index, source } => Self::corrupt(index, source),
            _ => Self::Database(error),
        }
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(migration) => Self::NewerDatabase { migration },
            MigrateError::Execute(source) => match Self::from(source) {
                Self::Database(source) => Self::Migration(MigrateError::Execute(source)),
                known => known,
            },
            MigrateError::ExecuteMigration(source, version) => match Self::from(source) {
                Self::Database(source) => {
                    Self::Migration(MigrateError::ExecuteMigration(source, version))
                }
                known => known,
            },
            other => Self::Migration(other),
        }
    }
}
