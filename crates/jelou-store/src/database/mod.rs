//! Connections and the queue of changes. [`engine`] contains the differences between the database engines. The
//! statements in the rest of the crate work with both.

mod config;
mod connection;
mod engine;
mod error;
mod listener;
mod migrations;
mod postgres;
mod result_code;
pub(crate) mod row;
mod sqlite;
mod url;

use std::time::Instant;

use jelou_core::Histogram;
use sqlx::AnyPool;
use tokio::sync::{Mutex, MutexGuard};

pub use config::{Location, StoreConfig};
pub(crate) use connection::Connection;
use connection::Pool;
pub(crate) use engine::Engine;
pub use error::DatabaseError;
pub use listener::Listener;
pub(crate) use migrations::LATEST as LATEST_SCHEMA;
pub use migrations::SchemaState;
pub use url::{ParsePostgresUrlError, PostgresUrl};

#[derive(Debug)]
pub(crate) struct Database {
    engine: Engine,
    config: StoreConfig,
    pool: Pool,
    /// The queue of this process's changes, in order of arrival. With only the database's lock, each waiting change
    /// would hold a connection; on SQLite it would also poll.
    turn: Mutex<()>,
    /// Durations of committed write transactions, including the wait in the queue.
    pub(crate) writes: Histogram,
}

/// A transaction that may write. Dropping it without a commit rolls it back.
pub(crate) struct Write<'a> {
    // Declared before `_turn`, so that the rollback happens before the next change starts.
    connection: Connection,
    engine: Engine,
    since: Instant,
    durations: &'a Histogram,
    /// `None` for a transaction that does not wait for others.
    _turn: Option<MutexGuard<'a, ()>>,
}

impl Database {
    pub(crate) async fn open(config: &StoreConfig) -> Result<Self, DatabaseError> {
        Ok(Self::on(Engine::open(config).await?, config))
    }

    /// Opens a database that exists, without a migration.
    pub(crate) fn open_existing(config: &StoreConfig) -> Result<Self, DatabaseError> {
        Ok(Self::on(Engine::open_existing(config)?, config))
    }

    /// Like [`Self::open_existing`], but connects once before: the error of this connection names the database and the
    /// reason.
    pub(crate) async fn connect_existing(config: &StoreConfig) -> Result<Self, DatabaseError> {
        if let Location::Postgres(url) | Location::Pooler { url, .. } = &config.location {
            postgres::check(url).await?;
        }
        Self::open_existing(config)
    }

    /// Compares the schema of the database with that of this program.
    pub(crate) async fn schema_state(&self) -> Result<SchemaState, DatabaseError> {
        let mut connection = self.snapshot().await?;
        migrations::state(&mut connection).await
    }

    /// Runs the migrations of a database that was opened without migrations, because it did not answer.
    pub(crate) async fn migrate(&self) -> Result<(), DatabaseError> {
        let (_, pool) = Engine::open(&self.config).await?;
        pool.close().await;
        Ok(())
    }

    fn on((engine, pool): (Engine, AnyPool), config: &StoreConfig) -> Self {
        Self {
            engine,
            config: config.clone(),
            pool: Pool::new(pool, config.terms()),
            turn: Mutex::new(()),
            writes: Histogram::default(),
        }
    }

    pub(crate) fn engine(&self) -> Engine {
        self.engine
    }

    /// Returns the pool, for single read statements.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Connects a listener. `None` if no other server can use the database, or only a pooler leads to it.
    pub(crate) async fn listen(&self) -> Result<Option<Listener>, DatabaseError> {
        match &self.config.location {
            Location::Sqlite(_) | Location::Pooler { listen: None, .. } => Ok(None),
            Location::Postgres(url)
            | Location::Pooler {
                listen: Some(url), ..
            } => Listener::connect(url, &self.pool).await.map(Some),
        }
    }

    /// Begins a read transaction, for several statements that must read the same state.
    pub(crate) async fn snapshot(&self) -> Result<Connection, DatabaseError> {
        Ok(self.pool.begin(self.engine.begin_snapshot()).await?)
    }

    /// Begins a write transaction. Until it ends, no server can begin another one.
    pub(crate) async fn write(&self) -> Result<Write<'_>, DatabaseError> {
        let since = Instant::now();
        let turn = tokio::time::timeout(self.config.busy_timeout, self.turn.lock())
            .await
            .map_err(|_| DatabaseError::Unavailable(None))?;
        let mut connection = self.pool.begin(self.engine.begin_change()).await?;
        self.engine
            .lock(&mut connection, self.config.busy_timeout)
            .await?;
        Ok(Write {
            connection,
            engine: self.engine,
            since,
            durations: &self.writes,
            _turn: Some(turn),
        })
    }

    /// Begins a write transaction without the lock of changes, if the database can run several at a time. It must
    /// change only one row, so that two of these transactions never deadlock.
    pub(crate) async fn write_one_row(&self) -> Result<Write<'_>, DatabaseError> {
        if self.engine == Engine::Sqlite {
            return self.write().await;
        }
        let since = Instant::now();
        let mut connection = self.pool.begin(self.engine.begin_change()).await?;
        postgres::limit(&mut connection, self.config.busy_timeout).await?;
        Ok(Write {
            connection,
            engine: self.engine,
            since,
            durations: &self.writes,
            _turn: None,
        })
    }

    pub(crate) async fn close(&self) -> Result<(), DatabaseError> {
        let _turn = self.turn.lock().await;
        let completed = self.engine.complete(self.pool.inner()).await;
        self.pool.inner().close().await;
        Ok(completed?)
    }
}

impl Write<'_> {
    pub(crate) fn transaction(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Removes the limit on the time between two statements of the transaction, for instance for a slow pipe with a
    /// backup. Only for a database that no one else uses yet.
    pub(crate) async fn allow_pauses(&mut self) -> Result<(), DatabaseError> {
        self.engine.allow_pauses(&mut self.connection).await
    }

    /// Notifies the other servers of this change when it is committed.
    pub(crate) async fn announce(&mut self) -> Result<(), DatabaseError> {
        self.engine.announce(&mut self.connection).await
    }

    pub(crate) async fn commit(self) -> Result<(), DatabaseError> {
        self.connection.commit().await?;
        self.durations.record(self.since.elapsed());
        Ok(())
    }
}
