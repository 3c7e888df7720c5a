//! Access tokens: who may use the management API. Only hashes are here.

use jelou_core::api::AccessToken;
use jelou_core::{AccessTokenId, Scopes, TokenName};
use jelou_token::{DisplayPrefix, TokenHash};
use jiff::Timestamp;
use sqlx::AnyExecutor;
use sqlx::any::AnyRow;

use crate::actor::Actor;
use crate::audit::Action;
use crate::change::{Change, Entry};
use crate::error::{Resource, StoreError};
use crate::last_used;
use crate::row::Columns;
use crate::store::Store;
use crate::token_reference::{self, Candidate};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessTokenRecord {
    pub id: AccessTokenId,
    pub name: TokenName,
    pub hash: TokenHash,
    pub prefix: DisplayPrefix,
    pub scopes: Scopes,
    /// Name of the access token that created it, or `system`.
    pub created_by: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

/// A token that was just minted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccessToken {
    pub name: TokenName,
    pub hash: TokenHash,
    pub prefix: DisplayPrefix,
    pub scopes: Scopes,
    pub expires_at: Option<Timestamp>,
}

impl AccessTokenRecord {
    /// Whether it is valid at that time; nothing here is revoked.
    pub fn is_active(&self, at: Timestamp) -> bool {
        self.expires_at.is_none_or(|expires_at| expires_at > at)
    }

    /// Whoever presents this token, as the audit trail and `created_by` name them.
    pub fn actor(&self) -> Actor {
        Actor {
            id: self.id.to_string(),
            name: self.name.to_string(),
        }
    }
}

impl From<AccessTokenRecord> for AccessToken {
    fn from(record: AccessTokenRecord) -> Self {
        Self {
            id: record.id,
            name: record.name,
            prefix: record.prefix.to_string(),
            scopes: record.scopes,
            last_used_at: record.last_used_at,
            created_at: record.created_at,
            expires_at: record.expires_at,
        }
    }
}

impl Store {
    /// The unrevoked ones, oldest first.
    pub async fn list_access_tokens(&self) -> Result<Vec<AccessTokenRecord>, StoreError> {
        all(self.database.pool()).await
    }

    /// Whether there has ever been one, revoked ones included.
    pub async fn has_access_tokens(&self) -> Result<bool, StoreError> {
        any(self.database.pool()).await
    }

    pub async fn create_access_token(
        &self,
        actor: &Actor,
        new: NewAccessToken,
    ) -> Result<AccessTokenRecord, StoreError> {
        let mut change = self.change(actor).await?;
        let token = insert(&mut change, new).await?;
        change.commit().await?;
        Ok(token)
    }

    /// Creates the first access token of all; `None`, and nothing happens, when there has ever been one. So a server
    /// whose tokens were all revoked does not open up by being started again.
    pub async fn bootstrap_access_token(
        &self,
        new: NewAccessToken,
    ) -> Result<Option<AccessTokenRecord>, StoreError> {
        let actor = Actor::system();
        let mut change = self.change(&actor).await?;
        if any(&mut *change.connection()).await? {
            return Ok(None);
        }
        let token = insert(&mut change, new).await?;
        change.commit().await?;
        Ok(Some(token))
    }

    /// As [`Store::resolve_token`], for access tokens.
    pub async fn resolve_access_token(
        &self,
        reference: &str,
    ) -> Result<AccessTokenRecord, StoreError> {
        let tokens = self.list_access_tokens().await?;
        token_reference::resolve(tokens, reference, Resource::AccessToken)
    }

    pub async fn revoke_access_token(
        &self,
        actor: &Actor,
        id: &AccessTokenId,
    ) -> Result<AccessTokenRecord, StoreError> {
        let mut change = self.change(actor).await?;
        let token = all(&mut *change.connection())
            .await?
            .into_iter()
            .find(|token| token.id == *id)
            .ok_or_else(|| StoreError::not_found(Resource::AccessToken, id))?;
        let now = change.now();
        sqlx::query("UPDATE access_tokens SET revoked_at = $1 WHERE id = $2")
            .bind(now.as_millisecond())
            .bind(id.as_str())
            .execute(change.connection())
            .await?;
        change
            .record(Entry {
                action: Action::AccessTokenRevoke,
                function: None,
                target: id.as_str(),
                detail: Some(token.name.as_str()),
            })
            .await?;
        change.commit().await?;
        Ok(token)
    }

    /// As [`Store::record_last_used`], for access tokens.
    pub async fn record_access_last_used(
        &self,
        uses: &[(AccessTokenId, i64)],
    ) -> Result<(), StoreError> {
        let uses = uses.iter().map(|(id, at)| (id.as_str(), *at));
        last_used::record(&self.database, last_used::ACCESS_TOKENS, uses).await
    }
}

impl Candidate for AccessTokenRecord {
    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn name(&self) -> &TokenName {
        &self.name
    }

    fn prefix(&self) -> DisplayPrefix {
        self.prefix
    }
}

pub(crate) async fn all(
    executor: impl AnyExecutor<'_>,
) -> Result<Vec<AccessTokenRecord>, StoreError> {
    sqlx::query(
        "SELECT id, name, hash, prefix, scopes, created_by, created_at, expires_at, last_used_at \
         FROM access_tokens WHERE revoked_at IS NULL ORDER BY created_at, id",
    )
    .fetch_all(executor)
    .await?
    .iter()
    .map(record)
    .collect()
}

async fn any(executor: impl AnyExecutor<'_>) -> Result<bool, StoreError> {
    let count = sqlx::query("SELECT count(*) AS count FROM access_tokens")
        .fetch_one(executor)
        .await?
        .number("count")?;
    Ok(count > 0)
}

async fn insert(
    change: &mut Change<'_>,
    new: NewAccessToken,
) -> Result<AccessTokenRecord, StoreError> {
    let token = AccessTokenRecord {
        id: AccessTokenId::generate(),
        name: new.name,
        hash: new.hash,
        prefix: new.prefix,
        scopes: new.scopes,
        created_by: change.actor().name.clone(),
        created_at: change.now(),
        expires_at: new.expires_at,
        last_used_at: None,
    };
    let inserted = sqlx::query(
        "INSERT INTO access_tokens (id, name, hash, prefix, scopes, created_by, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING",
    )
    .bind(token.id.as_str())
    .bind(token.name.as_str())
    .bind(token.hash.as_bytes().as_slice())
    .bind(token.prefix.as_str())
    .bind(token.scopes.to_string())
    .bind(token.created_by.as_str())
    .bind(token.created_at.as_millisecond())
    .bind(token.expires_at.map(Timestamp::as_millisecond))
    .execute(change.connection())
    .await?;
    if inserted.rows_affected() == 0 {
        return Err(StoreError::conflict(format!(
            "there is an unrevoked access token `{}` already",
            token.name
        )));
    }
    change
        .record(Entry {
            action: Action::AccessTokenCreate,
            function: None,
            target: token.id.as_str(),
            detail: Some(token.name.as_str()),
        })
        .await?;
    Ok(token)
}

fn record(row: &AnyRow) -> Result<AccessTokenRecord, StoreError> {
    Ok(AccessTokenRecord {
        id: row.parsed("id")?,
        name: row.parsed("name")?,
        hash: row.token_hash("hash")?,
        prefix: row.parsed("prefix")?,
        scopes: row.parsed("scopes")?,
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
        expires_at: row.optional_time("expires_at")?,
        last_used_at: row.optional_time("last_used_at")?,
    })
}
