//! A change: one transaction, in which every step appends an audit entry and raises the revision. The entry continues
//! the hash chain of the audit trail. The last hash of the chain is stored with the revision.

use jelou_core::api::AuditEntry;
use jelou_core::{Slug, audit_chain};
use jiff::Timestamp;
use serde_json::Value;

use crate::actor::Actor;
use crate::audit;
use crate::database::row::Columns;
use crate::database::{Connection, Write};
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

macro_rules! actions {
    ($($name:ident = $text:literal),* $(,)?) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Action {
            $($name),*
        }

        impl Action {
            pub(crate) fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text),*
                }
            }
        }

        /// All actions of the audit trail.
        pub const AUDIT_ACTIONS: &[&str] = &[$($text),*];
    };
}

actions! {
    FunctionCreate = "function.create",
    FunctionDelete = "function.delete",
    DeploymentCreate = "deployment.create",
    DeploymentRollback = "deployment.rollback",
    DeploymentPin = "deployment.pin",
    DeploymentUnpin = "deployment.unpin",
    DeploymentPromote = "deployment.promote",
    PreviewCreate = "preview.create",
    PreviewDeploy = "preview.deploy",
    PreviewDelete = "preview.delete",
    PreviewExpire = "preview.expire",
    PreviewSecretSet = "preview.secret.set",
    PreviewSecretDelete = "preview.secret.delete",
    PreviewSecretRollback = "preview.secret.rollback",
    TokenCreate = "token.create",
    TokenUpdate = "token.update",
    TokenDisable = "token.disable",
    TokenEnable = "token.enable",
    TokenRotate = "token.rotate",
    TokenRotateFinish = "token.rotate.finish",
    TokenRevoke = "token.revoke",
    TokenExport = "token.export",
    TokenImport = "token.import",
    AccessTokenCreate = "access_token.create",
    AccessTokenRotate = "access_token.rotate",
    AccessTokenRotateFinish = "access_token.rotate.finish",
    AccessTokenRevoke = "access_token.revoke",
    TrustCreate = "trust.create",
    TrustPin = "trust.pin",
    TrustDelete = "trust.delete",
    SecretSet = "secret.set",
    SecretDelete = "secret.delete",
    SecretRollback = "secret.rollback",
    MasterKeyRotate = "master_key.rotate",
    EgressAllow = "egress.allow",
    EgressDeny = "egress.deny",
    LimitSet = "limit.set",
    LimitUnset = "limit.unset",
    SchedulePause = "schedule.pause",
    ScheduleResume = "schedule.resume",
    ScheduleRun = "schedule.run",
}

impl<'a> Change<'a> {
    pub(crate) fn new(write: Write<'a>, actor: &'a Actor, now: Timestamp) -> Self {
        Self { write, actor, now }
    }

    pub(crate) fn connection(&mut self) -> &mut Connection {
        self.write.transaction()
    }

    /// Returns the timestamp of all rows of this change.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn actor(&self) -> &'a Actor {
        self.actor
    }

    /// Appends an audit entry with the state before and after the change, which must contain no secret. Returns its
    /// revision. `before` is `None` if the change creates something, `after` if it removes something.
    pub(crate) async fn record(
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
