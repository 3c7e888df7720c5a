//! The connections, and the turn that changes take.

use std::time::Duration;

use sqlx::{Any, AnyPool, Transaction};
use tokio::sync::{Mutex, MutexGuard};

use crate::config::StoreConfig;
use crate::error::StoreError;
use crate::sqlite;

#[derive(Debug)]
pub(crate) struct Database {
    pool: AnyPool,
    /// Changes of this process queue here, fairly, and not in SQLite's lock, which would make them sleep and try again.
    turn: Mutex<()>,
    turn_timeout: Duration,
}

/// A transaction that may write. Rolled back when dropped.
pub(crate) struct Write<'a> {
    // Dropped before the turn is over.
    transaction: Transaction<'static, Any>,
    _turn: MutexGuard<'a, ()>,
}

impl Database {
    pub(crate) async fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        Ok(Self {
            pool: sqlite::open(config).await?,
            turn: Mutex::new(()),
            turn_timeout: config.busy_timeout,
        })
    }

    /// For single statements that read.
    pub(crate) fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// For several statements that must read the same state.
    pub(crate) async fn snapshot(&self) -> Result<Transaction<'static, Any>, StoreError> {
        Ok(self.pool.begin_with(sqlite::BEGIN_SNAPSHOT).await?)
    }

    pub(crate) async fn write(&self) -> Result<Write<'_>, StoreError> {
        let turn = tokio::time::timeout(self.turn_timeout, self.turn.lock())
            .await
            .map_err(|_| StoreError::Unavailable(None))?;
        Ok(Write {
            transaction: self.pool.begin_with(sqlite::BEGIN_CHANGE).await?,
            _turn: turn,
        })
    }

    pub(crate) async fn close(&self) -> Result<(), StoreError> {
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

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        Ok(self.transaction.commit().await?)
    }
}
