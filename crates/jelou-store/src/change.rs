//! A change: one transaction, in which every step appends an audit entry and raises the revision.

use jelou_core::Slug;
use jiff::Timestamp;
use sqlx::AnyConnection;

use crate::actor::Actor;
use crate::database::Write;
use crate::database::row::Columns;
use crate::error::StoreError;

pub(crate) struct Change<'a> {
    write: Write<'a>,
    actor: &'a Actor,
    now: Timestamp,
}

/// One step of a change, for the audit trail.
pub(crate) struct Entry<'a> {
    pub(crate) action: Action,
    pub(crate) function: Option<&'a Slug>,
    /// Id or key.
    pub(crate) target: &'a str,
    /// The display name.
    pub(crate) detail: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    FunctionCreate,
    FunctionDelete,
    DeploymentCreate,
    DeploymentRollback,
    DeploymentPin,
    DeploymentUnpin,
    TokenCreate,
    TokenUpdate,
    TokenDisable,
    TokenEnable,
    TokenRotate,
    TokenRotateFinish,
    TokenRevoke,
    AccessTokenCreate,
    AccessTokenRotate,
    AccessTokenRotateFinish,
    AccessTokenRevoke,
    SecretSet,
    SecretDelete,
    EgressAllow,
    EgressDeny,
    LimitSet,
    LimitUnset,
    SchedulePause,
    ScheduleResume,
    ScheduleRun,
}

impl Action {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::FunctionCreate => "function.create",
            Self::FunctionDelete => "function.delete",
            Self::DeploymentCreate => "deployment.create",
            Self::DeploymentRollback => "deployment.rollback",
            Self::DeploymentPin => "deployment.pin",
            Self::DeploymentUnpin => "deployment.unpin",
            Self::TokenCreate => "token.create",
            Self::TokenUpdate => "token.update",
            Self::TokenDisable => "token.disable",
            Self::TokenEnable => "token.enable",
            Self::TokenRotate => "token.rotate",
            Self::TokenRotateFinish => "token.rotate.finish",
            Self::TokenRevoke => "token.revoke",
            Self::AccessTokenCreate => "access_token.create",
            Self::AccessTokenRotate => "access_token.rotate",
            Self::AccessTokenRotateFinish => "access_token.rotate.finish",
            Self::AccessTokenRevoke => "access_token.revoke",
            Self::SecretSet => "secret.set",
            Self::SecretDelete => "secret.delete",
            Self::EgressAllow => "egress.allow",
            Self::EgressDeny => "egress.deny",
            Self::LimitSet => "limit.set",
            Self::LimitUnset => "limit.unset",
            Self::SchedulePause => "schedule.pause",
            Self::ScheduleResume => "schedule.resume",
            Self::ScheduleRun => "schedule.run",
        }
    }
}

impl<'a> Change<'a> {
    pub(crate) fn new(write: Write<'a>, actor: &'a Actor, now: Timestamp) -> Self {
        Self { write, actor, now }
    }

    pub(crate) fn connection(&mut self) -> &mut AnyConnection {
        self.write.transaction()
    }

    /// The timestamp of all rows of this change.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn actor(&self) -> &'a Actor {
        self.actor
    }

    /// Appends an audit entry and returns its revision.
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
        Ok(self.write.commit().await?)
    }
}
