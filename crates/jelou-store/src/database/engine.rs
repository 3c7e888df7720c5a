//! The differences between the database engines. All other code of this crate is the same for both.

use std::time::Duration;

use sqlx::AnyPool;

use super::config::{Location, StoreConfig};
use super::connection::Connection;
use super::error::DatabaseError;
use super::{postgres, sqlite};
use crate::last_used::Times;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// A file that only this server uses.
    Sqlite,
    /// A server that several servers of jelou may share.
    Postgres,
}

impl Engine {
    pub(super) async fn open(config: &StoreConfig) -> Result<(Self, AnyPool), DatabaseError> {
        sqlx::any::install_default_drivers();
        Ok(match &config.location {
            Location::Sqlite(path) => {
                (Self::Sqlite, sqlite::open(path, config.busy_timeout).await?)
            }
            Location::Postgres(url) | Location::Pooler { url, .. } => {
                (Self::Postgres, postgres::open(url).await?)
            }
        })
    }

    /// Opens a database that exists, without a migration.
    pub(super) fn open_existing(config: &StoreConfig) -> Result<(Self, AnyPool), DatabaseError> {
        sqlx::any::install_default_drivers();
        Ok(match &config.location {
            Location::Sqlite(path) => (
                Self::Sqlite,
                sqlite::open_existing(path, config.busy_timeout)?,
            ),
            Location::Postgres(url) | Location::Pooler { url, .. } => {
                (Self::Postgres, postgres::pool(url))
            }
        })
    }

    /// Begins a transaction that may write.
    pub(super) fn begin_change(self) -> &'static str {
        match self {
            Self::Sqlite => sqlite::BEGIN_CHANGE,
            Self::Postgres => postgres::BEGIN_CHANGE,
        }
    }

    /// Begins a transaction whose statements all read the same state.
    pub(super) fn begin_snapshot(self) -> &'static str {
        match self {
            Self::Sqlite => sqlite::BEGIN_SNAPSHOT,
            Self::Postgres => postgres::BEGIN_SNAPSHOT,
        }
    }

    /// Takes the lock that only one write transaction of all servers can hold.
    pub(super) async fn lock(
        self,
        transaction: &mut Connection,
        timeout: Duration,
    ) -> Result<(), DatabaseError> {
        match self {
            // `BEGIN IMMEDIATE` has taken the lock.
            Self::Sqlite => Ok(()),
            Self::Postgres => postgres::lock(transaction, timeout).await,
        }
    }

    /// Selects the time of the database as `now`, in milliseconds.
    pub(crate) fn select_time(self) -> &'static str {
        match self {
            Self::Sqlite => sqlite::SELECT_TIME,
            Self::Postgres => postgres::SELECT_TIME,
        }
    }

    /// Removes the limit on the time between two statements of a transaction.
    pub(super) async fn allow_pauses(
        self,
        transaction: &mut Connection,
    ) -> Result<(), DatabaseError> {
        match self {
            Self::Sqlite => Ok(()),
            Self::Postgres => postgres::allow_pauses(transaction).await,
        }
    }

    /// Notifies the other servers of the change when the transaction is committed.
    pub(super) async fn announce(self, transaction: &mut Connection) -> Result<(), DatabaseError> {
        match self {
            Self::Sqlite => Ok(()),
            Self::Postgres => postgres::announce(transaction).await,
        }
    }

    /// Writes times of last use.
    pub(crate) async fn write_times(
        self,
        transaction: &mut Connection,
        times: Times,
        uses: &[(&str, i64)],
    ) -> Result<(), DatabaseError> {
        match self {
            Self::Sqlite => sqlite::write_times(transaction, times, uses).await,
            Self::Postgres => postgres::write_times(transaction, times, uses).await,
        }
    }

    /// Moves the content of a write-ahead log to the database file before the database is closed.
    pub(super) async fn complete(self, pool: &AnyPool) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite => sqlite::checkpoint(pool).await,
            Self::Postgres => Ok(()),
        }
    }

    /// Whether several servers may use the database.
    pub(crate) fn is_shared(self) -> bool {
        self == Self::Postgres
    }
}
