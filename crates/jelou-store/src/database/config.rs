//! Location and timeout of the database.

use std::path::PathBuf;
use std::time::Duration;

use super::connection::Terms;
use super::url::PostgresUrl;

/// A PostgreSQL server that sends nothing for this long counts as unreachable.
const SILENCE: Duration = Duration::from_secs(5);

/// Location and timeout of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    pub location: Location,
    /// How long a change waits for other changes of this process, and how long the database waits for a lock of another
    /// process.
    pub busy_timeout: Duration,
}

/// The database engine, and where its data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// Path of the SQLite file. Created with mode 0600 if it does not exist. Its folder must exist.
    Sqlite(PathBuf),
    /// A database of a PostgreSQL server, which several servers may share.
    Postgres(PostgresUrl),
    /// A database of a PostgreSQL server behind a pooler in transaction mode, which may run each transaction in another
    /// session.
    Pooler {
        url: PostgresUrl,
        /// The URL that bypasses the pooler, to receive notifications of changes.
        listen: Option<PostgresUrl>,
    },
}

impl StoreConfig {
    /// 5 seconds.
    pub const DEFAULT_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

    /// Creates the configuration of a SQLite file, with the default timeout.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::at(Location::Sqlite(path.into()))
    }

    /// Returns the rules for statements.
    pub(super) fn terms(&self) -> Terms {
        Terms {
            patience: match self.location {
                Location::Sqlite(_) => None,
                // The database sends nothing while a change waits for its lock.
                Location::Postgres(_) | Location::Pooler { .. } => {
                    Some(self.busy_timeout + SILENCE)
                }
            },
            shares_sessions: matches!(self.location, Location::Pooler { .. }),
        }
    }

    /// Creates the configuration of a database, with the default timeout.
    pub fn at(location: Location) -> Self {
        Self {
            location,
            busy_timeout: Self::DEFAULT_BUSY_TIMEOUT,
        }
    }
}
