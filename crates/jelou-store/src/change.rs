//! One change: a transaction in which whatever is done leaves an audit entry and raises the revision.

use jelou_core::Slug;
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::actor::Actor;
use crate::audit::Action;
use crate::database::Write;
use crate::error::StoreError;
use crate::row::Columns;

pub(crate) struct Change<'a> {
    write: Write<'a>,
    actor: &'a Actor,
    now: Timestamp,
}

/// What a change did, and to what.
pub(crate) struct Entry<'a> {
    pub(crate) action: Action,
    pub(crate) function: Option<&'a Slug>,
    /// Id or key.
    pub(crate) target: &'a str,
    /// The name that people know it by.
    pub(crate) detail: Option<&'a str>,
}

impl<'a> Change<'a> {
    pub(crate) fn new(write: Write<'a>, actor: &'a Actor, now: Timestamp) -> Self {
        Self { write, actor, now }
    }

    pub(crate) fn connection(&mut self) -> &mut AnyConnection {
        self.write.transaction()
    }

    /// The one time of everything in this change.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn actor(&self) -> &'a Actor {
        self.actor
    }

    /// Appends to the audit trail, and returns the revision that this is.
    pub(crate) async fn record(&mut self, entry: Entry<'_>) -> Result<i64, StoreError> {
        let revision = sqlx::query(
            "UPDATE revision SET value = value + 1 WHERE id = 1 RETURNING value AS revision",
        )
        .fetch_one(self.connection())
        .await?
        .number("revision")?;
        let (at, actor) = (self.now.as_millisecond(), self.actor.id.as_str());
        sqlx::query(
            "INSERT INTO audit (id, at, actor, action, function_slug, target, detail) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(revision)
        .bind(at)
        .bind(actor)
        .bind(entry.action.as_str())
        .bind(entry.function.map(Slug::as_str))
        .bind(entry.target)
        .bind(entry.detail)
        .execute(self.connection())
        .await?;
        Ok(revision)
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.write.commit().await
    }
}
