//! Runtime tokens, which authorise calls. The store contains only their hashes. The caller mints the values.

mod queries;
mod quota;
mod record;
mod rotation;
mod transfer;
mod update;
mod upkeep;

use jelou_core::api::RevokeTokens;
use jelou_core::token_labels::Tag;
use jelou_core::{FunctionId, Slug, TokenId};
use jiff::Timestamp;
use serde_json::Value;

use crate::actor::Actor;
use crate::change::{Action, Change, Entry};
use crate::error::{Resource, StoreError};
use crate::functions;
use crate::last_used;
use crate::store::Store;

pub use queries::{Revocation, RuntimeTokenPage};
pub(crate) use queries::{all_credentials, holder, list, readable_of};
use queries::{find, named};
pub use quota::QuotaUse;
pub use record::{NewRuntimeToken, PreviousTokenValue, RuntimeTokenCredential, RuntimeTokenRecord};
use record::{labels_text, policy_text, terms};
pub(crate) use record::{previous, values};
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

impl Store {
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
