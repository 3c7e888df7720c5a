//! Access tokens, which authorise requests to the management API. The store contains only their hashes.

mod rotation;

use jelou_core::api::AccessTokenInfo;
use jelou_core::{AccessTokenId, Scope, Scopes, TokenName};
use jelou_token::{DisplayPrefix, TokenHash};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::AnyExecutor;
use sqlx::any::AnyRow;

use crate::actor::Actor;
use crate::change::{Action, Change, Entry};
use crate::database::Connection;
use crate::database::row::Columns;
use crate::error::{Resource, StoreError};
use crate::last_used;
use crate::readable::{Readable, readable};
use crate::runtime_tokens::{PreviousTokenValue, previous};
use crate::store::Store;
use crate::token_reference::{self, Candidate};

/// An unrevoked access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTokenRecord {
    pub id: AccessTokenId,
    /// Unique among the unrevoked access tokens.
    pub name: TokenName,
    /// Hash of the value.
    #[serde(with = "crate::local_copy::text::hash")]
    pub hash: TokenHash,
    /// The first characters of the value, for display.
    #[serde(with = "crate::local_copy::text")]
    pub prefix: DisplayPrefix,
    pub scopes: Scopes,
    /// Name of the access token that created this token, or `system`.
    pub created_by: String,
    /// Time of creation.
    pub created_at: Timestamp,
    /// When the token expires. `None`: never.
    pub expires_at: Option<Timestamp>,
    /// When the current value was last used. `None`: not yet.
    pub last_used_at: Option<Timestamp>,
    /// The value before the last rotation. `None`: never rotated.
    pub previous: Option<PreviousTokenValue>,
}

/// A newly minted access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccessToken {
    /// Unique among the unrevoked access tokens.
    pub name: TokenName,
    /// Hash of the value.
    pub hash: TokenHash,
    /// The first characters of the value, for display.
    pub prefix: DisplayPrefix,
    pub scopes: Scopes,
    /// When the token expires. `None`: never.
    pub expires_at: Option<Timestamp>,
}

impl AccessTokenRecord {
    /// Whether the token has not expired at `at`.
    pub fn is_active(&self, at: Timestamp) -> bool {
        self.expires_at.is_none_or(|expires_at| expires_at > at)
    }

    /// Returns the author of changes made with this token.
    pub fn actor(&self) -> Actor {
        Actor {
            id: self.id.to_string(),
            name: self.name.to_string(),
            address: None,
        }
    }

    fn is_administrator(&self, at: Timestamp) -> bool {
        self.is_active(at) && self.scopes.allows(&Scope::Admin)
    }
}

impl From<AccessTokenRecord> for AccessTokenInfo {
    fn from(record: AccessTokenRecord) -> Self {
        Self {
            id: record.id,
            name: record.name,
            prefix: record.prefix.to_string(),
            scopes: record.scopes,
            last_used_at: record.last_used_at,
            created_at: record.created_at,
            created_by: record.created_by,
            expires_at: record.expires_at,
            previous: record.previous.map(PreviousTokenValue::into),
        }
    }
}

impl Store {
    /// Returns the unrevoked access tokens that can be read, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_access_tokens(&self) -> Result<Readable<AccessTokenRecord>, StoreError> {
        all_readable(self.database.pool()).await
    }

    /// Creates an access token.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the name is taken; [`StoreError::Database`].
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

    /// Creates the first access token. Returns `None` if a token has ever existed, so that a restart does not give
    /// access to a server whose tokens were all revoked.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn bootstrap_access_token(
        &self,
        new: NewAccessToken,
    ) -> Result<Option<AccessTokenRecord>, StoreError> {
        let actor = Actor::system();
        let mut change = self.change(&actor).await?;
        let count = sqlx::query("SELECT count(*) AS count FROM access_tokens")
            .fetch_one(change.connection())
            .await?
            .number("count")?;
        if count > 0 {
            return Ok(None);
        }
        let token = insert(&mut change, new).await?;
        change.commit().await?;
        Ok(Some(token))
    }

    /// Creates an access token and revokes the old token with the same name, if there is one. Returns both. The rule
    /// that an administrator must remain does not apply here.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn replace_access_token(
        &self,
        actor: &Actor,
        new: NewAccessToken,
    ) -> Result<(AccessTokenRecord, Option<AccessTokenRecord>), StoreError> {
        let mut change = self.change(actor).await?;
        let replaced = all_readable(&mut *change.connection())
            .await?
            .rows
            .into_iter()
            .find(|token| token.name == new.name);
        if let Some(token) = &replaced {
            revoke(&mut change, token).await?;
        }
        let token = insert(&mut change, new).await?;
        change.commit().await?;
        Ok((token, replaced))
    }

    /// Finds an unrevoked access token by id, name or display prefix, like [`Store::resolve_token`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Conflict`] when several tokens have this prefix,
    /// [`StoreError::Database`].
    pub async fn resolve_access_token(
        &self,
        reference: &str,
    ) -> Result<AccessTokenRecord, StoreError> {
        // A row that cannot be read must not prevent the revocation of another token.
        let tokens = self.list_access_tokens().await?.rows;
        token_reference::resolve(tokens, reference, Resource::AccessToken)
    }

    /// Revokes an access token.
    ///
    /// # Errors
    /// [`StoreError::LastAdministrator`] when no active token with the scope `admin` would remain;
    /// [`StoreError::NotFound`]; [`StoreError::Database`].
    pub async fn revoke_access_token(
        &self,
        actor: &Actor,
        id: &AccessTokenId,
    ) -> Result<AccessTokenRecord, StoreError> {
        let mut change = self.change(actor).await?;
        let now = change.now();
        let (mut revoked, others): (Vec<_>, Vec<_>) = all_readable(&mut *change.connection())
            .await?
            .rows
            .into_iter()
            .partition(|token| token.id == *id);
        let token = revoked
            .pop()
            .ok_or_else(|| StoreError::not_found(Resource::AccessToken, id))?;
        if token.is_administrator(now) && !others.iter().any(|other| other.is_administrator(now)) {
            return Err(StoreError::LastAdministrator { token: token.name });
        }
        revoke(&mut change, &token).await?;
        change.commit().await?;
        Ok(token)
    }

    /// Records when the current values of tokens were last used, like [`Store::record_value_last_used`].
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_access_last_used(
        &self,
        uses: &[(AccessTokenId, i64)],
    ) -> Result<(), StoreError> {
        let uses = uses.iter().map(|(id, at)| (id.as_str(), *at));
        last_used::record(&self.database, last_used::ACCESS_TOKENS, uses).await
    }

    /// Records when old values were last used.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_previous_access_last_used(
        &self,
        uses: &[(AccessTokenId, i64)],
    ) -> Result<(), StoreError> {
        let uses = uses.iter().map(|(id, at)| (id.as_str(), *at));
        last_used::record(&self.database, last_used::PREVIOUS_ACCESS_VALUES, uses).await
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

/// Returns an unrevoked access token.
async fn find(
    connection: &mut Connection,
    id: &AccessTokenId,
) -> Result<AccessTokenRecord, StoreError> {
    let tokens = all_readable(connection).await?.rows;
    let token = tokens.into_iter().find(|token| token.id == *id);
    token.ok_or_else(|| StoreError::not_found(Resource::AccessToken, id))
}

const SELECT_ALL: &str = "SELECT id, name, hash, prefix, scopes, created_by, created_at, expires_at, last_used_at, \
     previous_hash, previous_prefix, previous_valid_until, previous_last_used_at \
     FROM access_tokens WHERE revoked_at IS NULL ORDER BY created_at, id";

pub(crate) async fn all(
    executor: impl AnyExecutor<'_>,
) -> Result<Vec<AccessTokenRecord>, StoreError> {
    let rows = sqlx::query(SELECT_ALL).fetch_all(executor).await?;
    rows.iter().map(record).collect()
}

/// Like [`all`], without the tokens that cannot be read.
async fn all_readable(
    executor: impl AnyExecutor<'_>,
) -> Result<Readable<AccessTokenRecord>, StoreError> {
    let rows = sqlx::query(SELECT_ALL).fetch_all(executor).await?;
    readable(&rows, ("access_tokens", "id"), record)
}

async fn revoke(change: &mut Change<'_>, token: &AccessTokenRecord) -> Result<(), StoreError> {
    let now = change.now();
    sqlx::query("UPDATE access_tokens SET revoked_at = $1 WHERE id = $2")
        .bind(now.as_millisecond())
        .bind(token.id.as_str())
        .execute(change.connection())
        .await?;
    let step = (Action::AccessTokenRevoke, Some(terms(token)), None);
    note(change, token, step).await
}

/// Appends an audit entry about an access token, with its state before and after the step.
async fn note(
    change: &mut Change<'_>,
    token: &AccessTokenRecord,
    (action, before, after): (Action, Option<Value>, Option<Value>),
) -> Result<(), StoreError> {
    let entry = Entry {
        action,
        function: None,
        target: token.id.as_str(),
        detail: Some(token.name.as_str()),
    };
    change.record(entry, before, after).await?;
    Ok(())
}

/// Returns the state of an access token for the audit trail.
fn terms(token: &AccessTokenRecord) -> Value {
    json!({ "scopes": token.scopes, "expiresAt": token.expires_at })
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
        previous: None,
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
    let step = (Action::AccessTokenCreate, None, Some(terms(&token)));
    note(change, &token, step).await?;
    Ok(token)
}

pub(crate) fn record(row: &AnyRow) -> Result<AccessTokenRecord, StoreError> {
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
        previous: previous(row)?,
    })
}
