//! Reads runtime tokens: lists, pages, and one token by its id, name, display prefix or hash.

use futures_util::TryStreamExt;
use jelou_core::{FunctionId, TokenId, TokenName};
use jelou_token::TokenHash;
use jiff::Timestamp;
use sqlx::AnyExecutor;
use sqlx::any::AnyRow;

use super::record::record;
use super::{RuntimeTokenCredential, RuntimeTokenRecord};
use crate::database::Connection;
use crate::database::row::Columns;
use crate::error::{Resource, StoreError};
use crate::readable::{Readable, readable};
use crate::store::Store;
use crate::token_reference;

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
pub(super) async fn named(
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
pub(super) async fn find(
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
