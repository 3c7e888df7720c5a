//! A change: one transaction, in which every step appends an audit entry and raises the revision. The entry continues
//! the hash chain of the audit trail. The last hash of the chain is stored with the revision.

use jelou_core::api::AuditEntry;
use jelou_core::{Slug, audit_chain};
use jiff::Timestamp;
use serde_json::Value;
use sqlx::AnyConnection;

use crate::actor::Actor;
use crate::audit;
use crate::database::Write;
use crate::database::row::Columns;
use crate::error::StoreError;

pub(crate) struct Change<'a> {
    write: Write<'a>,
    actor: &'a Actor,
    now: Timestamp,
}

/// The audit entry of one step of a change.
pub(crate) struct Entry<'a> {
    pub(crate) action: Action,
    pub(crate) function: Option<&'a Slug>,
    /// Id or key of the changed resource.
    pub(crate) target: &'a str,
    /// Further data for readers, such as the display name.
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
    DeploymentPromote,
    PreviewCreate,
    PreviewDeploy,
    PreviewDelete,
    PreviewExpire,
    PreviewSecretSet,
    PreviewSecretDelete,
    TokenCreate,
    TokenUpdate,
    TokenDisable,
    TokenEnable,
    TokenRotate,
    TokenRotateFinish,
    TokenRevoke,
    TokenExport,
    TokenImport,
    AccessTokenCreate,
    AccessTokenRotate,
    AccessTokenRotateFinish,
    AccessTokenRevoke,
    TrustCreate,
    TrustPin,
    TrustDelete,
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
            Self::DeploymentPromote => "deployment.promote",
            Self::PreviewCreate => "preview.create",
            Self::PreviewDeploy => "preview.deploy",
            Self::PreviewDelete => "preview.delete",
            Self::PreviewExpire => "preview.expire",
            Self::PreviewSecretSet => "preview.secret.set",
            Self::PreviewSecretDelete => "preview.secret.delete",
            Self::TokenCreate => "token.create",
            Self::TokenUpdate => "token.update",
            Self::TokenDisable => "token.disable",
            Self::TokenEnable => "token.enable",
            Self::TokenRotate => "token.rotate",
            Self::TokenRotateFinish => "token.rotate.finish",
            Self::TokenRevoke => "token.revoke",
            Self::TokenExport => "token.export",
            Self::TokenImport => "token.import",
            Self::AccessTokenCreate => "access_token.create",
            Self::AccessTokenRotate => "access_token.rotate",
            Self::AccessTokenRotateFinish => "access_token.rotate.finish",
            Self::AccessTokenRevoke => "access_token.revoke",
            Self::TrustCreate => "trust.create",
            Self::TrustPin => "trust.pin",
            Self::TrustDelete => "trust.delete",
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

    /// Returns the timestamp of all rows of this change.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn actor(&self) -> &'a Actor {
        self.actor
    }

    /// Appends an audit entry and returns its revision.
    pub(crate) async fn record(&mut self, entry: Entry<'_>) -> Result<i64, StoreError> {
        self.record_difference(entry, None, None).await
    }

    /// Appends an audit entry with the changed state before and after, which must contain no secret. Returns its
    /// revision.
    pub(crate) async fn record_difference(
        &mut self,
        entry: Entry<'_>,
        before: Option<Value>,
        after: Option<Value>,
    ) -> Result<i64, StoreError> {
        let head = sqlx::query(
            "UPDATE revision SET value = value + 1 WHERE id = 1 RETURNING value AS revision, hash",
        )
        .fetch_one(self.connection())
        .await?;
        let revision = head.number("revision")?;
        let mut entry = AuditEntry {
            id: revision,
            at: self.now,
            actor: self.actor.id.clone(),
            actor_name: Some(self.actor.name.clone()),
            address: self.actor.address.map(|address| address.to_string()),
            action: entry.action.as_str().to_owned(),
            function: entry.function.map(Slug::to_string),
            target: entry.target.to_owned(),
            detail: entry.detail.map(str::to_owned),
            before,
            after,
            previous: Some(
                head.optional_text("hash")?
                    .unwrap_or_else(|| audit_chain::FIRST.to_owned()),
            ),
            hash: None,
        };
        let hash = audit_chain::hash(&entry);
        entry.hash = Some(hash.clone());
        audit::insert(self.connection(), &entry).await?;
        sqlx::query("UPDATE revision SET hash = $1 WHERE id = 1")
            .bind(hash)
            .execute(self.connection())
            .await?;
        Ok(revision)
    }

    /// Returns the transaction of the change, for further writes.
    pub(crate) fn into_write(self) -> Write<'a> {
        self.write
    }

    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        self.write.announce().await?;
        Ok(self.write.commit().await?)
    }
}
