//! Runtime tokens, which authorise calls. The store holds only their hashes; the caller mints the values.

mod record;
mod rotation;
mod update;

use futures_util::TryStreamExt;
use jelou_core::{FunctionId, Slug, TokenId, TokenName};
use jelou_token::TokenHash;
use jiff::Timestamp;
use sqlx::AnyExecutor;

use crate::actor::Actor;
use crate::change::{Action, Change, Entry};
use crate::database::row::Columns;
use crate::error::{Resource, StoreError};
use crate::functions;
use crate::last_used;
use crate::store::Store;
use crate::token_reference;

pub use record::{NewRuntimeToken, PreviousTokenValue, RuntimeTokenCredential, RuntimeTokenRecord};
use record::{labels_text, policy_text};
pub(crate) use record::{previous, record};
pub use rotation::RotatedToken;
pub(crate) use rotation::end_previous;

/// Whether a change enforces the rule that each function has an active token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastTokenRule {
    /// The last active token cannot be revoked or disabled.
    Enforced,
    /// For an emergency: the last active token can be revoked or disabled.
    Waived,
}

/// The outcome of [`Store::replace_token`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplacedToken {
    pub token: RuntimeTokenRecord,
    /// The token that had the name before. It is revoked.
    pub former: Option<RuntimeTokenRecord>,
}

macro_rules! select_all_tokens {
    ($rest:literal) => {
        concat!(
            "SELECT id, function_id, name, hash, prefix, created_by, created_at, expires_at, disabled_at, ",
            "last_used_at, policy, labels, previous_hash, previous_prefix, previous_valid_until, ",
            "previous_last_used_at, revoked_at FROM runtime_tokens WHERE ",
            $rest
        )
    };
}

macro_rules! select_tokens {
    ($rest:literal) => {
        concat!(select_all_tokens!("revoked_at IS NULL "), $rest)
    };
}

/// Selects the token whose current or old value has the hash `$1`, even if it is revoked.
pub(crate) const BY_VALUE: &str = select_all_tokens!("hash = $1 OR previous_hash = $1");

impl Store {
    /// The unrevoked tokens of a function, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_tokens(
        &self,
        function: &FunctionId,
    ) -> Result<Vec<RuntimeTokenRecord>, StoreError> {
        list(self.database.pool(), function).await
    }

    /// The names of a function's tokens, also of the revoked ones.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn token_names(
        &self,
        function: &FunctionId,
    ) -> Result<Vec<(TokenId, TokenName)>, StoreError> {
        let rows = sqlx::query("SELECT id, name FROM runtime_tokens WHERE function_id = $1")
            .bind(function.as_str())
            .fetch_all(self.database.pool())
            .await?;
        rows.iter()
            .map(|row| Ok((row.parsed("id")?, row.parsed("name")?)))
            .collect()
    }

    /// The token with this hash and the time of its revocation; `None` if the token is unknown or was never revoked.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn revocation(
        &self,
        hash: &TokenHash,
    ) -> Result<Option<(TokenId, Timestamp)>, StoreError> {
        let row = sqlx::query(
            "SELECT id, revoked_at FROM runtime_tokens \
             WHERE (hash = $1 OR previous_hash = $1) AND revoked_at IS NOT NULL",
        )
        .bind(&hash.as_bytes()[..])
        .fetch_optional(self.database.pool())
        .await?;
        row.map(|row| Ok((row.parsed("id")?, row.time("revoked_at")?)))
            .transpose()
    }

    /// Creates a token.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the function does not exist, [`StoreError::Conflict`] when the name is taken,
    /// [`StoreError::Database`].
    pub async fn create_token(
        &self,
        actor: &Actor,
        function: &FunctionId,
        new: NewRuntimeToken,
    ) -> Result<RuntimeTokenRecord, StoreError> {
        let mut change = self.change(actor).await?;
        let slug = functions::slug_of(change.connection(), function).await?;
        let token = insert_free(&mut change, function, &slug, new).await?;
        change.commit().await?;
        Ok(token)
    }

    /// Creates a token. In the same transaction, revokes the token that has its name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the function does not exist, [`StoreError::Database`].
    pub async fn replace_token(
        &self,
        actor: &Actor,
        function: &FunctionId,
        new: NewRuntimeToken,
    ) -> Result<ReplacedToken, StoreError> {
        let mut change = self.change(actor).await?;
        let slug = functions::slug_of(change.connection(), function).await?;
        let former = list(&mut *change.connection(), function)
            .await?
            .into_iter()
            .find(|token| token.name == new.name);
        if let Some(former) = &former {
            revoke(&mut change, &slug, former).await?;
        }
        let token = insert_free(&mut change, function, &slug, new).await?;
        change.commit().await?;
        Ok(ReplacedToken { token, former })
    }

    /// The unrevoked token of a function with this id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Database`].
    pub async fn find_token(
        &self,
        function: &FunctionId,
        id: &TokenId,
    ) -> Result<RuntimeTokenRecord, StoreError> {
        find(self.database.pool(), function, id).await
    }

    /// Finds an unrevoked token of a function by id, name or display prefix, in this order. A prefix may have trailing
    /// dots.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Conflict`] when several tokens have this prefix,
    /// [`StoreError::Database`].
    pub async fn resolve_token(
        &self,
        function: &FunctionId,
        reference: &str,
    ) -> Result<RuntimeTokenRecord, StoreError> {
        let tokens = self.list_tokens(function).await?;
        token_reference::resolve(tokens, reference, Resource::RuntimeToken)
    }

    /// Revokes a token. An inactive token can always be revoked.
    ///
    /// # Errors
    /// [`StoreError::LastToken`] when no active token would remain and the rule is enforced; [`StoreError::NotFound`]
    /// when the function has no such token; [`StoreError::Database`].
    pub async fn revoke_token(
        &self,
        actor: &Actor,
        function: &FunctionId,
        id: &TokenId,
        rule: LastTokenRule,
    ) -> Result<RuntimeTokenRecord, StoreError> {
        let mut change = self.change(actor).await?;
        let slug = functions::slug_of(change.connection(), function).await?;
        let now = change.now();
        let (mut revoked, others): (Vec<_>, Vec<_>) = list(&mut *change.connection(), function)
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
                function: slug,
            });
        }
        revoke(&mut change, &slug, &token).await?;
        change.commit().await?;
        Ok(token)
    }

    /// Records the time of each token's last use, in milliseconds since the Unix epoch. The time never decreases. This
    /// is no change of configuration, so it leaves no audit entry and raises no revision.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_last_used(&self, uses: &[(TokenId, i64)]) -> Result<(), StoreError> {
        let uses = uses.iter().map(|(id, at)| (id.as_str(), *at));
        last_used::record(&self.database, last_used::RUNTIME_TOKENS, uses).await
    }

    /// As [`Self::record_last_used`], for uses of the value before the last rotation.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_previous_last_used(
        &self,
        uses: &[(TokenId, i64)],
    ) -> Result<(), StoreError> {
        let uses = uses.iter().map(|(id, at)| (id.as_str(), *at));
        last_used::record(&self.database, last_used::PREVIOUS_VALUES, uses).await
    }
}

/// Reads row by row, because rows take many times the memory of credentials.
pub(crate) async fn all_credentials<Credentials>(
    executor: impl AnyExecutor<'_>,
) -> Result<Credentials, StoreError>
where
    Credentials: Default + Extend<RuntimeTokenCredential>,
{
    let rows = sqlx::query(select_tokens!("ORDER BY created_at, id")).fetch(executor);
    rows.map_err(StoreError::from)
        .and_then(|row| async move { Ok(RuntimeTokenCredential::from(&record(&row)?)) })
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

/// The unrevoked token of a function.
async fn find(
    executor: impl AnyExecutor<'_>,
    function: &FunctionId,
    id: &TokenId,
) -> Result<RuntimeTokenRecord, StoreError> {
    let row = sqlx::query(select_tokens!("AND function_id = $1 AND id = $2"))
        .bind(function.as_str())
        .bind(id.as_str())
        .fetch_optional(executor)
        .await?;
    row.map_or_else(
        || Err(StoreError::not_found(Resource::RuntimeToken, id)),
        |row| record(&row),
    )
}

/// `None` when the name is taken.
pub(crate) async fn insert(
    change: &mut Change<'_>,
    function: &FunctionId,
    slug: &Slug,
    new: NewRuntimeToken,
) -> Result<Option<RuntimeTokenRecord>, StoreError> {
    let token = RuntimeTokenRecord {
        id: TokenId::generate(),
        function_id: function.clone(),
        name: new.name,
        hash: new.hash,
        prefix: new.prefix,
        created_by: change.actor().name.clone(),
        created_at: change.now(),
        expires_at: new.expires_at,
        disabled_at: None,
        last_used_at: None,
        policy: new.policy,
        labels: new.labels,
        previous: None,
    };
    let inserted = sqlx::query(
        "INSERT INTO runtime_tokens (id, function_id, name, hash, prefix, created_by, created_at, expires_at, \
         policy, labels) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
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
    .bind(policy_text(&token.policy)?)
    .bind(labels_text(&token.labels)?)
    .execute(change.connection())
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(None);
    }
    change
        .record(Entry {
            action: Action::TokenCreate,
            function: Some(slug),
            target: token.id.as_str(),
            detail: Some(token.name.as_str()),
        })
        .await?;
    Ok(Some(token))
}

async fn insert_free(
    change: &mut Change<'_>,
    function: &FunctionId,
    slug: &Slug,
    new: NewRuntimeToken,
) -> Result<RuntimeTokenRecord, StoreError> {
    let name = new.name.clone();
    let inserted = insert(change, function, slug, new).await?;
    inserted.ok_or_else(|| {
        StoreError::conflict(format!("`{slug}` has an unrevoked token `{name}` already"))
    })
}

pub(crate) async fn revoke(
    change: &mut Change<'_>,
    function: &Slug,
    token: &RuntimeTokenRecord,
) -> Result<(), StoreError> {
    let statement = "UPDATE runtime_tokens SET revoked_at = $1 WHERE id = $2";
    end(change, function, token, statement, Action::TokenRevoke).await
}

/// Ends a value of a token at the time of the change: `$1` of the statement. `$2` is the id of the token.
async fn end(
    change: &mut Change<'_>,
    function: &Slug,
    token: &RuntimeTokenRecord,
    statement: &'static str,
    action: Action,
) -> Result<(), StoreError> {
    let now = change.now();
    sqlx::query(statement)
        .bind(now.as_millisecond())
        .bind(token.id.as_str())
        .execute(change.connection())
        .await?;
    change
        .record(Entry {
            action,
            function: Some(function),
            target: token.id.as_str(),
            detail: Some(token.name.as_str()),
        })
        .await?;
    Ok(())
}
