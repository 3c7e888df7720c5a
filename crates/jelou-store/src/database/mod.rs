//! Connections and the queue of changes. Code for a specific database engine is in [`sqlite`] and [`result_code`]. The
//! statements in the rest of the crate work with every engine.

mod config;
mod error;
mod migrations;
mod result_code;
pub(crate) mod row;
mod sqlite;

use std::time::{Duration, Instant};

use jelou_core::Histogram;
use sqlx::{Any, AnyPool, Transaction};
use tokio::sync::{Mutex, MutexGuard};

pub use config::StoreConfig;
pub use error::DatabaseError;
pub(crate) use migrations::{LATEST as LATEST_SCHEMA, schema};

#[derive(Debug)]
pub(crate) struct Database {
    pool: AnyPool,
    /// The queue of this process's changes, in order of arrival. With only SQLite's lock, waiting connections would
    /// poll.
    turn: Mutex<()>,
    turn_timeout: Duration,
    /// Durations of committed write transactions, including the wait in the queue.
    pub(crate) writes: Histogram,
}

/// A transaction that may write. Dropping it without a commit rolls it back.
pub(crate) struct Write<'a> {
    // Declared before `_turn`, so that the rollback happens before the next change starts.
    transaction: Transaction<'static, Any>,
    since: Instant,
    durations: &'a Histogram,
    _turn: MutexGuard<'a, ()>,
}

impl Database {
    pub(crate) async fn open(config: &StoreConfig) -> Result<Self, DatabaseError> {
        Ok(Self {
            pool: sqlite::open(config).await?,
            turn: Mutex::new(()),
            turn_timeout: config.busy_timeout,
            writes: Histogram::default(),
        })
    }

    /// Opens a database that exists, without a migration.
    pub(crate) fn open_existing(config: &StoreConfig) -> Result<Self, DatabaseError> {
        Ok(Self {
            pool: sqlite::open_existing(config)?,
            turn: Mutex::new(()),
            turn_timeout: config.busy_timeout,
            writes: Histogram::default(),
        })
    }

    /// Returns the pool, for single read statements.
    pub(crate) fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Begins a read transaction, for several statements that must read the same state.
    pub(crate) async fn snapshot(&self) -> Result<Transaction<'static, Any>, DatabaseError> {
        Ok(self.pool.begin_with(sqlite::BEGIN_SNAPSHOT).await?)
    }

    pub(crate) async fn write(&self) -> Result<Write<'_>, DatabaseError> {
        let since = Instant::now();
        let turn = tokio::time::timeout(self.turn_timeout, self.turn.lock())
            .await
            .map_err(|_| DatabaseError::Unavailable(None))?;
        Ok(Write {
            transaction: self.pool.begin_with(sqlite::BEGIN_CHANGE).await?,
            since,
            durations: &self.writes,
            _turn: turn,
        })
    }

    pub(crate) async fn close(&self) -> Result<(), DatabaseError> {
        let _turn = self.turn.lock().await;
        let checkpoint = sqlite::checkpoint(&self.pool).await;
        self.pool.close().await;
        Ok(checkpoint?)
    }
}

impl Write<'_> {
    pub(crate) fn transaction(&mut self) -> &mut Transaction<'static, Any> {
        &mut self.transaction
    }

    pub(crate) async fn commit(self) -> Result<(), DatabaseError> {
        self.transaction.commit().await?;
        self.durations.record(self.since.elapsed());
        Ok(())
    }
}
