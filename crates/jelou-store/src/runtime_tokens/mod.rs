//! Runtime tokens, which authorise calls. The store contains only their hashes. The caller mints the values.

mod quota;
mod record;
mod rotation;
mod transfer;
mod update;
mod upkeep;

use futures_util::TryStreamExt;
use jelou_core::api::RevokeTokens;
use jelou_core::token_labels::Tag;
use jelou_core::{FunctionId, Slug, TokenId, TokenName};
use jelou_token::TokenHash;
use jiff::Timestamp;
use serde_json::Value;
use sqlx::AnyExecutor;
use sqlx::any::AnyRow;

use crate::actor::Actor;
use crate::change::{Action, Change, Entry};
use crate::database::Connection;
use crate::database::row::Columns;
use crate::error::{Resource, StoreError};
use crate::functions;
use crate::last_used;
use crate::readable::{Readable, readable};
use crate::store::Store;
use crate::token_reference;

pub use quota::QuotaUse;
pub use record::{NewRuntimeToken, PreviousTokenValue, RuntimeTokenCredential, RuntimeTokenRecord};
use record::{labels_text, policy_text, terms};
pub(crate) use record::{previous, record, values};
pub(crate) use rotation::end_previous;
pub use rotation::{OldValue, RotatedToken, Rotation};
pub use transfer::{ImportRules, ImportToken, Imported};
pub use upkeep::ExpiringToken;

/// Whether a change enforces the rule that each function keeps an active token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastTokenRule {
    /// The last active token cannot be revoked or disabled.
    Enforced,
    /// The last active token can be revoked or disabled, for an emergency.
    Waived,
}

/// The result of [`Store::replace_token`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplacedToken {
    pub token: RuntimeTokenRecord,
    /// The revoked token that had the same name, if there was one.
    pub former: Option<RuntimeTokenRecord>,
}

/// A page of a function's unrevoked tokens.
#[derive(Debug)]
pub struct RuntimeTokenPage {
    pub tokens: Readable<RuntimeTokenRecord>,
    /// The last token of the page, if another page follows.
    pub next: Option<TokenId>,
}

/// When a token was revoked, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    pub token: TokenId,
    pub at: Timestamp,
    /// Name of the access token; `None` for revocations by older versions.
    pub by: Option<String>,
}

macro_rules! select_all_tokens {
    ($rest:literal) => {
        concat!(
            "SELECT id, function_id, name, hash, prefix, created_by, created_at, expires_at, disabled_at, ",
            "last_used_at, policy, labels, previous_hash, previous_prefix, previous_valid_until, ",
            "previous_last_used_at, revoked_at, value_last_used_at, last_used_from, quota_start, quota_calls ",
            "FROM runtime_tokens WHERE ",
            $rest
        )
    };
}

macro_rules! select_tokens {
    ($rest:literal) => {
        concat!(select_all_tokens!("revoked_at IS NULL "), $rest)
    };
}

impl Store {
    /// Returns the unrevoked tokens of a function that can be read, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn list_tokens(
        &self,
        function: &FunctionId,
    ) -> Result<Readable<RuntimeTokenRecord>, StoreError> {
        readable_of(self.database.pool(), function).await
    }

    /// Returns up to `limit` unrevoked tokens of a function that can be read, oldest first. They follow the token
    /// `after`, which may be revoked.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the function never had the token `after`; [`StoreError::Database`].
    pub async fn token_page(
        &self,
        function: &FunctionId,
        after: Option<&TokenId>,
        limit: usize,
    ) -> Result<RuntimeTokenPage, StoreError> {
        let (created_at, id) = match after {
            Some(id) => (self.token_creation(function, id).await?, id.as_str()),
            None => (i64::MIN, ""),
        };
        let statement = select_tokens!(
            "AND function_id = $1 AND (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $4"
        );
        let mut rows = sqlx::query(statement)
            .bind(function.as_str())
            .bind(created_at)
            .bind(id)
            // One more shows whether there is another page.
            .bind(limit.saturating_add(1).try_into().unwrap_or(i64::MAX))
            .fetch_all(self.database.pool())
            .await?;
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| has_more);
        Ok(RuntimeTokenPage {
            next: next.map(|row| row.parsed("id")).transpose()?,
            tokens: readable(&rows, ("runtime_tokens", "id"), record)?,
        })
    }

    /// Returns the time at which a token was created, in milliseconds since the Unix epoch.
    async fn token_creation(&self, function: &FunctionId, id: &TokenId) -> Result<i64, StoreError> {
        let row =
            sqlx::query("SELECT created_at FROM runtime_tokens WHERE id = $1 AND function_id = $2")
                .bind(id.as_str())
                .bind(function.as_str())
                .fetch_optional(self.database.pool())
                .await?;
        let row = row.ok_or_else(|| StoreError::not_found(Resource::RuntimeToken, id))?;
        Ok(row.number("created_at")?)
    }

    /// Counts the unrevoked tokens of a function.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn count_tokens(&self, function: &FunctionId) -> Result<u64, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) AS tokens FROM runtime_tokens WHERE function_id = $1 AND revoked_at IS NULL",
        )
        .bind(function.as_str())
        .fetch_one(self.database.pool())
        .await?;
        Ok(row.size("tokens")?)
    }

    /// Returns the names of all tokens of a function, including revoked ones.
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

    /// Returns the revocation of the token with this hash, or `None` if the token is unknown or was never revoked.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn revocation(&self, hash: &TokenHash) -> Result<Option<Revocation>, StoreError> {
        let row = sqlx::query(
            "SELECT id, revoked_at, revoked_by FROM runtime_tokens \
             WHERE (hash = $1 OR previous_hash = $1) AND revoked_at IS NOT NULL",
        )
        .bind(&hash.as_bytes()[..])
        .fetch_optional(self.database.pool())
        .await?;
        row.map(|row| {
            Ok(Revocation {
                token: row.parsed("id")?,
                at: row.time("revoked_at")?,
                by: row.optional_text("revoked_by")?,
            })
        })
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

    /// Creates a token. In the same transaction, revokes the token with the same name, if there is one.
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
        let former = named(change.connection(), function, &new.name).await?;
        if let Some(former) = &former {
            revoke(&mut change, &slug, former).await?;
        }
        let token = insert_free(&mut change, function, &slug, new).await?;
        change.commit().await?;
        Ok(ReplacedToken { token, former })
    }

    /// Returns the unrevoked token of a function with this id.
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

    /// Finds an unrevoked token of a function by id, name or display prefix, in this order. A prefix may end with dots.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] when several tokens have this prefix;
    /// [`StoreError::Database`].
    pub async fn resolve_token(
        &self,
        function: &FunctionId,
        reference: &str,
    ) -> Result<RuntimeTokenRecord, StoreError> {
        let rows = sqlx::query(select_tokens!(
            "AND function_id = $1 AND (id = $2 OR name = $2 OR prefix = $3)"
        ))
        .bind(function.as_str())
        .bind(reference)
        .bind(token_reference::prefix(reference))
        .fetch_all(self.database.pool())
        .await?;
        // A row that cannot be read must not prevent the revocation of another token.
        let tokens = readable(&rows, ("runtime_tokens", "id"), record)?.rows;
        token_reference::resolve(tokens, reference, Resource::RuntimeToken)
    }

    /// Revokes a token. The rule about the last active token does not apply to inactive tokens.
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
        let selection = RevokeTokens {
            ids: Some(vec![id.clone()]),
            force: rule == LastTokenRule::Waived,
            ..RevokeTokens::default()
        };
        let mut revoked = self.revoke_tokens(actor, function, &selection).await?;
        revoked
            .pop()
            .ok_or_else(|| StoreError::not_found(Resource::RuntimeToken, id))
    }

    /// Revokes the selected tokens, either all or none, and returns them. The rule about the last active token does not
    /// apply to inactive tokens.
    ///
    /// # Errors
    /// [`StoreError::LastToken`] when no active token would remain, without `force`; [`StoreError::NotFound`] when the
    /// function lacks a token of `ids`, or no token is selected; [`StoreError::Database`].
    pub async fn revoke_tokens(
        &self,
        actor: &Actor,
        function: &FunctionId,
        selection: &RevokeTokens,
    ) -> Result<Vec<RuntimeTokenRecord>, StoreError> {
        let mut change = self.change(actor).await?;
        let slug = functions::slug_of(change.connection(), function).await?;
        let now = change.now();
        let all = readable_of(&mut *change.connection(), function).await?.rows;
        for id in selection.ids.iter().flatten() {
            if !all.iter().any(|token| token.id == *id) {
                return Err(StoreError::not_found(Resource::RuntimeToken, id));
            }
        }
        let (revoked, others): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|token| is_selected(token, selection));
        if revoked.is_empty() {
            let tag = selection.tag.as_ref().map(ToString::to_string);
            let what = tag.or(selection.created_by.clone()).unwrap_or_default();
            return Err(StoreError::not_found(Resource::RuntimeToken, what));
        }
        let last = revoked.iter().rfind(|token| token.is_active(now));
        if let Some(last) = last
            && !selection.force
            && !others.iter().any(|other| other.is_active(now))
        {
            return Err(StoreError::LastToken {
                token: last.name.clone(),
                function: slug,
            });
        }
        for token in &revoked {
            revoke(&mut change, &slug, token).await?;
        }
        change.commit().await?;
        Ok(revoked)
    }

    /// Records when each token was last used, in milliseconds since the Unix epoch. The times never decrease. This is
    /// not a change of configuration, so it leaves no audit entry and does not raise the revision.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_last_used(&self, uses: &[(TokenId, i64)]) -> Result<(), StoreError> {
        let uses = uses.iter().map(|(id, at)| (id.as_str(), *at));
        last_used::record(&self.database, last_used::RUNTIME_TOKENS, uses).await
    }

    /// Records when the current value of each token was last used, like [`Self::record_last_used`].
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn record_value_last_used(&self, uses: &[(TokenId, i64)]) -> Result<(), StoreError> {
        let uses = uses.iter().map(|(id, at)| (id.as_str(), *at));
        last_used::record(&self.database, last_used::CURRENT_VALUES, uses).await
    }

    /// Records when the value before the last rotation was last used, like [`Self::record_last_used`].
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

fn is_selected(token: &RuntimeTokenRecord, selection: &RevokeTokens) -> bool {
    let RevokeTokens {
        ids,
        tag,
        created_by,
        force: _,
    } = selection;
    let has_tag = |tag: &Tag| token.labels.tags.contains(tag);
    ids.as_ref().is_none_or(|ids| ids.contains(&token.id))
        && tag.as_ref().is_none_or(has_tag)
        && created_by
            .as_ref()
            .is_none_or(|creator| token.created_by == *creator)
}

/// Reads the credentials of all tokens row by row, because the rows need many times the memory of the credentials.
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

pub(crate) async fn list(
    executor: impl AnyExecutor<'_>,
    function: &FunctionId,
) -> Result<Vec<RuntimeTokenRecord>, StoreError> {
    rows(executor, function).await?.iter().map(record).collect()
}

/// Like [`list`], without the tokens that cannot be read.
pub(crate) async fn readable_of(
    executor: impl AnyExecutor<'_>,
    function: &FunctionId,
) -> Result<Readable<RuntimeTokenRecord>, StoreError> {
    let rows = rows(executor, function).await?;
    readable(&rows, ("runtime_tokens", "id"), record)
}

async fn rows(
    executor: impl AnyExecutor<'_>,
    function: &FunctionId,
) -> Result<Vec<AnyRow>, StoreError> {
    let statement = select_tokens!("AND function_id = $1 ORDER BY created_at, id");
    let rows = sqlx::query(statement).bind(function.as_str());
    Ok(rows.fetch_all(executor).await?)
}

/// Returns the unrevoked token of a function that has this name.
pub(crate) async fn named(
    connection: &mut Connection,
    function: &FunctionId,
    name: &TokenName,
) -> Result<Option<RuntimeTokenRecord>, StoreError> {
    let row = sqlx::query(select_tokens!("AND function_id = $1 AND name = $2"))
        .bind(function.as_str())
        .bind(name.as_str())
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(record).transpose()
}

/// Returns the token whose current or old value has this hash, and whether the token is revoked.
pub(crate) async fn holder(
    connection: &mut Connection,
    hash: &TokenHash,
) -> Result<Option<(RuntimeTokenRecord, bool)>, StoreError> {
    let row = sqlx::query(select_all_tokens!("hash = $1 OR previous_hash = $1"))
        .bind(&hash.as_bytes()[..])
        .fetch_optional(connection)
        .await?;
    row.map(|row| {
        let is_revoked = row.optional_time("revoked_at")?.is_some();
        Ok((record(&row)?, is_revoked))
    })
    .transpose()
}

/// Returns one unrevoked token of a function.
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

/// Inserts a token. Returns `None` if the name is taken.
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
        value_last_used_at: None,
        last_used_from: None,
        quota: None,
        policy: new.policy,
        labels: new.labels,
        previous: None,
    };
    if !insert_row(change, &token).await? {
        return Ok(None);
    }
    let step = (Action::TokenCreate, None, terms(&token));
    note(change, slug, &token, step).await?;
    Ok(Some(token))
}

/// Inserts the row of a token. Returns `false` if the name is taken.
async fn insert_row(
    change: &mut Change<'_>,
    token: &RuntimeTokenRecord,
) -> Result<bool, StoreError> {
    let previous = token.previous.as_ref();
    let inserted = sqlx::query(
        "INSERT INTO runtime_tokens (id, function_id, name, hash, prefix, created_by, created_at, expires_at, \
         policy, labels, disabled_at, previous_hash, previous_prefix, previous_valid_until) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
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
    .bind(token.disabled_at.map(Timestamp::as_millisecond))
    .bind(previous.map(|previous| previous.hash.as_bytes().to_vec()))
    .bind(previous.map(|previous| previous.prefix.to_string()))
    .bind(previous.map(|previous| previous.valid_until.as_millisecond()))
    .execute(change.connection())
    .await?;
    Ok(inserted.rows_affected() > 0)
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
    let (now, actor) = (change.now(), change.actor());
    sqlx::query("UPDATE runtime_tokens SET revoked_at = $1, revoked_by = $2 WHERE id = $3")
        .bind(now.as_millisecond())
        .bind(actor.name.as_str())
        .bind(token.id.as_str())
        .execute(change.connection())
        .await?;
    let step = (Action::TokenRevoke, terms(token), None);
    note(change, function, token, step).await
}

/// Appends an audit entry about a token, with its state before and after the step.
async fn note(
    change: &mut Change<'_>,
    function: &Slug,
    token: &RuntimeTokenRecord,
    (action, before, after): (Action, Option<Value>, Option<Value>),
) -> Result<(), StoreError> {
    let entry = Entry {
        action,
        function: Some(function),
        target: token.id.as_str(),
        detail: Some(token.name.as_str()),
    };
    change.record(entry, before, after).await?;
    Ok(())
}
