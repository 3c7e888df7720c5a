//! The trail of changes. Entries are only ever appended.

use jelou_core::api::{AuditEntry, AuditPage};
use sqlx::any::AnyRow;

use crate::error::StoreError;
use crate::row::Columns;
use crate::store::Store;

/// The largest page that is read at once.
const MAX_PAGE: i64 = 1_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    FunctionCreate,
    FunctionDelete,
    DeploymentCreate,
    DeploymentRollback,
    TokenCreate,
    TokenRevoke,
    AccessTokenCreate,
    AccessTokenRevoke,
    SecretSet,
    SecretDelete,
}

impl Action {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::FunctionCreate => "function.create",
            Self::FunctionDelete => "function.delete",
            Self::DeploymentCreate => "deployment.create",
            Self::DeploymentRollback => "deployment.rollback",
            Self::TokenCreate => "token.create",
            Self::TokenRevoke => "token.revoke",
            Self::AccessTokenCreate => "access_token.create",
            Self::AccessTokenRevoke => "access_token.revoke",
            Self::SecretSet => "secret.set",
            Self::SecretDelete => "secret.delete",
        }
    }
}

impl Store {
    /// The newest entries, or the newest of those older than `before`.
    pub async fn audit(&self, before: Option<i64>, limit: usize) -> Result<AuditPage, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
        let rows = sqlx::query(
            "SELECT id, at, actor, action, function_slug, target, detail FROM audit \
             WHERE id < $1 ORDER BY id DESC LIMIT $2",
        )
        .bind(before.unwrap_or(i64::MAX))
        // One more than asked for, to know whether there is a next page.
        .bind(limit + 1)
        .fetch_all(self.database.pool())
        .await?;
        let mut items = rows.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|entry| entry.id);
        Ok(AuditPage { items, next })
    }
}

fn entry(row: &AnyRow) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        id: row.number("id")?,
        at: row.time("at")?,
        actor: row.text("actor")?,
        action: row.text("action")?,
        function: row.optional_text("function_slug")?,
        target: row.text("target")?,
        detail: row.optional_text("detail")?,
    })
}
