//! Errors of the database, grouped by what the caller can do.

use std::fmt;
use std::path::PathBuf;

use sqlx::migrate::MigrateError;

use super::result_code::{self, Condition};

/// An error of the database.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The database is busy, locked, missing or closed. The same change may succeed later. The source is `None` when
    /// the change timed out while it waited for other changes.
    #[error("the database is not available")]
    Unavailable(#[source] Option<sqlx::Error>),
    /// Could not connect to the PostgreSQL server at the start: it does not respond, or refuses this user.
    #[error("cannot connect to the PostgreSQL database at {place}")]
    Connect {
        /// Host, port and database.
        place: String,
        #[source]
        source: sqlx::Error,
    },
    /// The database cannot store every text.
    #[error(
        "the PostgreSQL database at {place} has the encoding {encoding}; jelou needs UTF8: create the database with \
         `createdb --encoding UTF8 --template template0`"
    )]
    Encoding {
        /// Host, port and database.
        place: String,
        encoding: String,
    },
    /// The connection for notifications leads to a pooler that shares sessions.
    #[error(
        "`database.listen_url` leads to a pooler that shares sessions: set it to the address of the PostgreSQL server, or \
         remove it"
    )]
    ListensOnPooler,
    /// The connection for notifications receives none.
    #[error(
        "notifications of the database do not arrive on the connection that listens: `database.listen_url` must lead to \
         the same database as `database.url`, without a pooler"
    )]
    ListensElsewhere,
    /// The database has no tables, but this server has started from the local copy of one that has.
    #[error(
        "the database is empty, and this server has started from its local copy: restore the database; for a new and \
         empty one, stop the server and delete `state.copy` in its data folder"
    )]
    Empty,
    /// The disk is full. Nothing was changed.
    #[error("the disk of the database is full")]
    DiskFull(#[source] sqlx::Error),
    /// The database contains a value that no version of this program wrote.
    #[error("the database holds a value in `{place}` that cannot be read: {reason}")]
    Corrupt {
        /// The column, or the part of the file.
        place: String,
        /// The reason why it cannot be read.
        reason: String,
    },
    /// The database file could not be created or opened.
    #[error("cannot create the database file `{path}`")]
    File {
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// A newer version of this program has migrated the database.
    #[error(
        "the database was migrated by a newer version, which this version is not compatible with (migration {migration}); run that version or restore a backup"
    )]
    NewerVersion {
        /// The migration that this version does not have.
        migration: i64,
    },
    /// A migration failed. No migration was applied.
    #[error("the database could not be migrated")]
    Migration(#[source] MigrateError),
    /// A text contains U+0000, which PostgreSQL does not store, or is not UTF-8.
    #[error("a text contains a character that the database cannot store, such as U+0000")]
    Text(#[source] sqlx::Error),
    /// A pooler has changed the session between two steps of a statement.
    #[error(
        "the URL of the database leads to a pooler that shares sessions: set `database.pooler = true` (JELOU_DATABASE__POOLER)"
    )]
    Pooler(#[source] sqlx::Error),
    /// The database refused a statement, which is a bug in this program.
    #[error("the database refused a statement")]
    Statement(#[source] sqlx::Error),
}

impl DatabaseError {
    pub(crate) fn corrupt(place: &str, reason: impl fmt::Display) -> Self {
        Self::Corrupt {
            place: place.to_owned(),
            reason: reason.to_string(),
        }
    }
}

impl DatabaseError {
    /// Whether the database does not answer. Once it answers, it may still refuse this server.
    pub fn is_away(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Connect { source, .. } => is_away(source),
            _ => false,
        }
    }
}

fn is_away(error: &sqlx::Error) -> bool {
    use sqlx::Error as E;
    match error {
        E::Database(refusal) => matches!(
            result_code::condition(refusal.as_ref()),
            Condition::Busy | Condition::Unavailable
        ),
        // `Tls` and `Protocol`: another program than the database answers now.
        E::Io(_)
        | E::Tls(_)
        | E::Protocol(_)
        | E::PoolTimedOut
        | E::PoolClosed
        | E::WorkerCrashed
        | E::BeginFailed => true,
        _ => false,
    }
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        if is_away(&error) {
            return Self::Unavailable(Some(error));
        }
        match &error {
            E::Database(refusal) => match result_code::condition(refusal.as_ref()) {
                Condition::DiskFull => Self::DiskFull(error),
                Condition::Corrupt => Self::corrupt("the database file", refusal),
                Condition::OtherSession => Self::Pooler(error),
                Condition::Text => Self::Text(error),
                Condition::Busy | Condition::Unavailable | Condition::Other => {
                    Self::Statement(error)
                }
            },
            E::ColumnDecode { index, source } => Self::corrupt(index, source),
            _ => Self::Statement(error),
        }
    }
}

impl From<MigrateError> for DatabaseError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(migration) => Self::NewerVersion { migration },
            MigrateError::Execute(source) => match Self::from(source) {
                Self::Statement(source) => Self::Migration(MigrateError::Execute(source)),
                known => known,
            },
            MigrateError::ExecuteMigration(source, version) => match Self::from(source) {
                Self::Statement(source) => {
                    Self::Migration(MigrateError::ExecuteMigration(source, version))
                }
                known => known,
            },
            other => Self::Migration(other),
        }
    }
}
