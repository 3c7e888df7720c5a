//! What statements run on: the pool, or a connection in a transaction.
//!
//! If a machine or a network fails, its connections stay open. So a statement fails when the database sends nothing for
//! too long. Behind a pooler that shares sessions, each statement is part of a transaction and has no name, because the
//! next transaction may run in another session.

use std::future;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use sqlx::any::{AnyArguments, AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::error::BoxDynError;
use sqlx::{Any, AnyPool, Either, Execute, Executor, SqlStr, Transaction};

/// The result of a statement, or one of its rows.
type Step = Either<AnyQueryResult, AnyRow>;
type Steps<'e> = BoxStream<'e, Result<Step, sqlx::Error>>;

/// How statements run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// How long the database may send nothing during a statement. `None`: the database is a file.
    pub(super) patience: Option<Duration>,
    /// Whether a pooler may run each transaction in another session.
    pub(super) shares_sessions: bool,
}

/// The pool, for single statements.
#[derive(Debug)]
pub(crate) struct Pool {
    inner: AnyPool,
    terms: Terms,
}

/// A connection in a transaction. Dropping it without a commit rolls back.
#[derive(Debug)]
pub(crate) struct Connection {
    transaction: Transaction<'static, Any>,
    terms: Terms,
}

impl Pool {
    pub(super) fn new(inner: AnyPool, terms: Terms) -> Self {
        Self { inner, terms }
    }

    pub(super) fn inner(&self) -> &AnyPool {
        &self.inner
    }

    /// Begins a transaction with this statement.
    pub(super) async fn begin(&self, statement: &'static str) -> Result<Connection, sqlx::Error> {
        let began = self.inner.begin_with(statement);
        Ok(Connection {
            transaction: within(self.terms.patience, began).await?,
            terms: self.terms,
        })
    }

    async fn run(&self, statement: Statement) -> Result<Vec<Step>, sqlx::Error> {
        if self.terms.shares_sessions {
            let mut connection = self.begin("BEGIN").await?;
            let steps = connection.run(statement).try_collect().await?;
            connection.commit().await?;
            return Ok(steps);
        }
        let mut connection = self.inner.acquire().await?;
        let steps = (&mut *connection).fetch_many(statement);
        steps_within(self.terms.patience, steps).try_collect().await
    }
}

impl Connection {
    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        within(self.terms.patience, self.transaction.commit()).await
    }

    fn run(&mut self, statement: Statement) -> Steps<'_> {
        let steps = (&mut *self.transaction).fetch_many(statement);
        steps_within(self.terms.patience, steps)
    }
}

impl<'c> Executor<'c> for &'c Pool {
    type Database = Any;

    /// The rows are collected first, so that the connection is free when the caller gets them.
    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> Steps<'e>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let statement = Statement::of(query, self.terms);
        let steps = async move { self.run(statement?).await };
        let rows = |steps: Vec<Step>| stream::iter(steps.into_iter().map(Ok::<_, sqlx::Error>));
        stream::once(steps).map_ok(rows).try_flatten().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxFuture<'e, Result<Option<AnyRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let mut rows = self.fetch(query);
        async move { rows.try_next().await }.boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, Result<AnyStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        self.inner.prepare_with(sql, parameters)
    }
}

impl<'c> Executor<'c> for &'c mut Connection {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> Steps<'e>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        match Statement::of(query, self.terms) {
            Ok(statement) => self.run(statement),
            Err(error) => stream::once(future::ready(Err(error))).boxed(),
        }
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxFuture<'e, Result<Option<AnyRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let statement = Statement::of(query, self.terms);
        async move {
            let row = (&mut *self.transaction).fetch_optional(statement?);
            within(self.terms.patience, row).await
        }
        .boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, Result<AnyStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        (&mut *self.transaction).prepare_with(sql, parameters)
    }
}

/// A statement with its arguments. `None`: the simple protocol, without arguments.
struct Statement {
    sql: SqlStr,
    arguments: Option<AnyArguments>,
    is_named: bool,
}

impl Statement {
    fn of<'q>(mut query: impl Execute<'q, Any>, terms: Terms) -> Result<Self, sqlx::Error> {
        Ok(Self {
            arguments: query.take_arguments().map_err(sqlx::Error::Encode)?,
            is_named: query.persistent() && !terms.shares_sessions,
            sql: query.sql(),
        })
    }
}

impl Execute<'_, Any> for Statement {
    fn sql(self) -> SqlStr {
        self.sql
    }

    fn statement(&self) -> Option<&AnyStatement> {
        None
    }

    fn take_arguments(&mut self) -> Result<Option<AnyArguments>, BoxDynError> {
        Ok(self.arguments.take())
    }

    fn persistent(&self) -> bool {
        self.is_named
    }
}

async fn within<T>(
    patience: Option<Duration>,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    match patience {
        Some(patience) => tokio::time::timeout(patience, answer)
            .await
            .unwrap_or_else(|_| Err(silence())),
        None => answer.await,
    }
}

/// Like [`within`], for each step.
fn steps_within(patience: Option<Duration>, steps: Steps<'_>) -> Steps<'_> {
    if patience.is_none() {
        return steps;
    }
    stream::try_unfold(steps, move |mut steps| async move {
        let step = within(patience, steps.try_next()).await?;
        Ok(step.map(|step| (step, steps)))
    })
    .boxed()
}

fn silence() -> sqlx::Error {
    sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())
}
