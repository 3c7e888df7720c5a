//! Runtime tokens: who may call a function. Only hashes are here; the caller mints the value and forgets it.

use futures_util::TryStreamExt;
use jelou_core::api::RuntimeToken;
use jelou_core::{FunctionId, TokenId, TokenName, TokenPolicy};
use jelou_token::{DisplayPrefix, TokenHash};
use jiff::Timestamp;
use sqlx::AnyExecutor;
use sqlx::any::AnyRow;

use crate::actor::Actor;
use crate::audit::Action;
use crate::change::{Change, Entry};
use crate::error::{Resource, StoreError};
use crate::functions::{self, FunctionRecord};
use crate::last_used;
use crate::row::Columns;
use crate::store::Store;
use crate::token_reference::{self, Candidate};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeTokenRecord {
    pub id: TokenId,
    pub function_id: FunctionId,
    pub name: TokenName,
    pub hash: TokenHash,
    pub prefix: DisplayPrefix,
    /// Name of the access token that created it.
    pub created_by: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub disabled_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    pub policy: TokenPolicy,
}

/// Of a token, what its check needs: a copy in memory may have a million of them, so there are no strings here but
/// in a policy, which most do not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeTokenKey {
    pub hash: TokenHash,
    pub id: TokenId,
    pub function_id: FunctionId,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    /// Absent when it limits nothing.
    pub policy: Option<Box<TokenPolicy>>,
}

/// A token that was just minted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRuntimeToken {
    pub name: TokenName,
    pub hash: TokenHash,
    pub prefix: DisplayPrefix,
    pub expires_at: Option<Timestamp>,
    pub policy: TokenPolicy,
}

/// "Each function has at least one active token."
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastTokenRule {
    Enforced,
    /// For an emergency.
    Waived,
}

impl RuntimeTokenRecord {
    /// Whether it may call its function at that time; nothing here is revoked.
    pub fn is_active(&self, at: Timestamp) -> bool {
        self.disabled_at.is_none() && self.expires_at.is_none_or(|expires_at| expires_at > at)
    }
}

impl From<&RuntimeTokenRecord> for RuntimeTokenKey {
    fn from(record: &RuntimeTokenRecord) -> Self {
        Self {
            hash: record.hash,
            id: record.id.clone(),
            function_id: record.function_id.clone(),
            expires_at: record.expires_at,
            last_used_at: record.last_used_at,
            policy: Some(&record.policy)
                .filter(|policy| !policy.is_unlimited())
                .map(|policy| Box::new(policy.clone())),
        }
    }
}

impl From<RuntimeTokenRecord> for RuntimeToken {
    fn from(record: RuntimeTokenRecord) -> Self {
        Self {
            id: record.id,
            name: record.name,
            prefix: record.prefix.to_string(),
            last_used_at: record.last_used_at,
            created_at: record.created_at,
            created_by: record.created_by,
            expires_at: record.expires_at,
            scopes: record.policy.scopes,
            cidrs: record.policy.cidrs,
            rate: record.policy.rate,
        }
    }
}

macro_rules! select_tokens {
    ($rest:literal) => {
        concat!(
            "SELECT id, function_id, name, hash, prefix, created_by, created_at, expires_at, disabled_at, ",
            "last_used_at, policy FROM runtime_tokens WHERE revoked_at IS NULL ",
            $rest
        )
    };
}

impl Store {
    /// The unrevoked ones, oldest first.
    pub async fn list_tokens(
        &self,
        function: &FunctionId,
    ) -> Result<Vec<RuntimeTokenRecord>, StoreError> {
        list(self.database.pool(), function).await
    }

    pub async fn create_token(
        &self,
        actor: &Actor,
        function: &FunctionId,
        new: NewRuntimeToken,
    ) -> Result<RuntimeTokenRecord, StoreError> {
        let mut change = self.change(actor).await?;
        let function = functions::find_by_id(&mut *change.connection(), function).await?;
        let name = new.name.clone();
        let token = insert(&mut change, &function, new).await?.ok_or_else(|| {
            StoreError::conflict(format!(
                "`{}` has an unrevoked token `{name}` already",
                function.slug
            ))
        })?;
        change.commit().await?;
        Ok(token)
    }

    /// Finds an unrevoked token by what people call it: its id, its name, or its display prefix, with or without the
    /// dots of lists; the first of these that matches.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] with the candidates when several tokens have that prefix.
    pub async fn resolve_token(
        &self,
        function: &FunctionId,
        reference: &str,
    ) -> Result<RuntimeTokenRecord, StoreError> {
        let tokens = self.list_tokens(function).await?;
        token_reference::resolve(tokens, reference, Resource::RuntimeToken)
    }

    /// # Errors
    /// [`StoreError::LastToken`] when no token that works would be left. One that works no more can always go.
    pub async fn revoke_token(
        &self,
        actor: &Actor,
        function: &FunctionId,
        id: &TokenId,
        rule: LastTokenRule,
    ) -> Result<RuntimeTokenRecord, StoreError> {
        let mut change = self.change(actor).await?;
        let function = functions::find_by_id(&mut *change.connection(), function).await?;
        let now = change.now();
        let (mut revoked, others): (Vec<_>, Vec<_>) = list(&mut *change.connection(), &function.id)
            .await?
            .into_iter()
            .partition(|token| token.id == *id);
        let token = revoked
            .pop()
            .ok_or_else(|| StoreError::not_found(Resource::RuntimeToken, id))?;
        let is_last = token.is_active(now) && !others.iter().any(|other| other.is_active(now));
        if is_last && rule == LastTokenRule::Enforced {
            return Err(StoreError::LastToken {
                token: token.name,
                function: function.slug,
            });
        }
        sqlx::query("UPDATE runtime_tokens SET revoked_at = $1 WHERE id = $2")
            .bind(now.as_millisecond())
            .bind(id.as_str())
            .execute(change.connection())
            .await?;
        change
            .record(Entry {
                action: Action::TokenRevoke,
                function: Some(&function.slug),
                target: id.as_str(),
                detail: Some(token.name.as_str()),
            })
            .await?;
        change.commit().await?;
        Ok(token)
    }

    /// Moves the last use of each token forward, in milliseconds since the Unix epoch; an older time changes nothing.
    /// No change of the configuration: neither the audit trail nor the revision know of it.
    pub async fn record_last_used(&self, uses: &[(TokenId, i64)]) -> Result<(), StoreError> {
        let uses = uses.iter().map(|(id, at)| (id.as_str(), *at));
        last_used::record(&self.database, last_used::RUNTIME_TOKENS, uses).await
    }
}

impl Candidate for RuntimeTokenRecord {
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

/// Row by row: all of them at once would take many times the room of what is made of them.
pub(crate) async fn all_keys<Keys>(executor: impl AnyExecutor<'_>) -> Result<Keys, StoreError>
where
    Keys: Default + Extend<RuntimeTokenKey>,
{
    let rows = sqlx::query(select_tokens!("ORDER BY created_at, id")).fetch(executor);
    rows.map_err(StoreError::from)
        .and_then(|row| async move { Ok(RuntimeTokenKey::from(&record(&row)?)) })
        .try_collect()
        .await
}

async fn list(
    executor: impl AnyExecutor<'_>,
    function: &FunctionId,
) -> Result<Vec<RuntimeTokenRecord>, StoreError> {
    sqlx::query(select_tokens!(
        "AND function_id = $1 ORDER BY created_at, id"
    ))
    .bind(function.as_str())
    .fetch_all(executor)
    .await?
    .iter()
    .map(record)
    .collect()
}

/// `None` when an unrevoked token of the function has that name.
pub(crate) async fn insert(
    change: &mut Change<'_>,
    function: &FunctionRecord,
    new: NewRuntimeToken,
) -> Result<Option<RuntimeTokenRecord>, StoreError> {
    let token = RuntimeTokenRecord {
        id: TokenId::generate(),
        function_id: function.id.clone(),
        name: new.name,
        hash: new.hash,
        prefix: new.prefix,
        created_by: change.actor().name.clone(),
        created_at: change.now(),
        expires_at: new.expires_at,
        disabled_at: None,
        last_used_at: None,
        policy: new.policy,
    };
    let policy = Some(&token.policy)
        .filter(|policy| !policy.is_unlimited())
        .map(serde_json::to_string)
        .transpose()
        .map_err(|error| StoreError::corrupt("runtime_tokens.policy", error))?;
    let inserted = sqlx::query(
        "INSERT INTO runtime_tokens (id, function_id, name, hash, prefix, created_by, created_at, expires_at, \
         policy) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (function_id, name) WHERE revoked_at IS NULL DO NOTHING",
    )
    .bind(token.id.as_str())
    .bind(token.function_id.as_str())
    .bind(token.name.as_str())
    .bind(token.hash.as_bytes().as_slice())
    .bind(token.prefix.as_str())
    .bind(token.created_by.as_str())
    .bind(token.created_at.as_millisecond())
    .bind(token.expires_at.map(Timestamp::as_millisecond))
    .bind(policy)
    .execute(change.connection())
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(None);
    }
    change
        .record(Entry {
            action: Action::TokenCreate,
            function: Some(&function.slug),
            target: token.id.as_str(),
            detail: Some(token.name.as_str()),
        })
        .await?;
    Ok(Some(token))
}

fn record(row: &AnyRow) -> Result<RuntimeTokenRecord, StoreError> {
    Ok(RuntimeTokenRecord {
        id: row.parsed("id")?,
        function_id: row.parsed("function_id")?,
        name: row.parsed("name")?,
        hash: row.token_hash("hash")?,
        prefix: row.parsed("prefix")?,
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
        expires_at: row.optional_time("expires_at")?,
        disabled_at: row.optional_time("disabled_at")?,
        last_used_at: row.optional_time("last_used_at")?,
        policy: row.optional_json("policy")?.unwrap_or_default(),
    })
}
