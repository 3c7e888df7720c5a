//! Rotations: a token gets a new value, and the old value stays valid until the grace period ends.

use jelou_core::{FunctionId, Slug, TokenId};
use jelou_token::{DisplayPrefix, TokenHash};
use jiff::Timestamp;

use super::{PreviousTokenValue, RuntimeTokenRecord, find, note, values};
use crate::actor::Actor;
use crate::change::{Action, Change, Entry};
use crate::error::StoreError;
use crate::functions;
use crate::store::Store;

/// A rotation to apply: the new value of a token, and the value that stays valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    pub hash: TokenHash,
    pub prefix: DisplayPrefix,
    /// The end of the grace period.
    pub valid_until: Timestamp,
    pub old: OldValue,
}

/// Selects the value that stays valid during the grace period of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldValue {
    Current,
    /// The value before the last rotation. Used when the current value was never used.
    Previous,
}

impl Rotation {
    /// Returns the value that stays valid.
    pub(crate) fn kept(
        &self,
        current: PreviousTokenValue,
        previous: Option<&PreviousTokenValue>,
    ) -> PreviousTokenValue {
        match (self.old, previous) {
            (OldValue::Previous, Some(previous)) => PreviousTokenValue {
                valid_until: self.valid_until,
                ..previous.clone()
            },
            _ => current,
        }
    }
}

/// The result of [`Store::rotate_token`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotatedToken {
    pub token: RuntimeTokenRecord,
    /// The token before the rotation.
    pub former: RuntimeTokenRecord,
}

impl Store {
    /// Replaces the value of a token. The value that `rotation.old` selects stays valid until `valid_until`. All others
    /// end now.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the function has no such token; [`StoreError::Database`].
    pub async fn rotate_token(
        &self,
        actor: &Actor,
        function: &FunctionId,
        id: &TokenId,
        rotation: Rotation,
    ) -> Result<RotatedToken, StoreError> {
        let mut change = self.change(actor).await?;
        let slug = functions::slug_of(change.connection(), function).await?;
        let former = find(change.connection(), function, id).await?;
        let Rotation {
            hash,
            prefix,
            valid_until,
            ..
        } = rotation;
        let current = PreviousTokenValue {
            hash: former.hash,
            prefix: former.prefix,
            valid_until,
            last_used_at: former.value_last_used_at,
        };
        let previous = rotation.kept(current, former.previous.as_ref());
        sqlx::query(
            "UPDATE runtime_tokens SET hash = $1, prefix = $2, previous_hash = $3, previous_prefix = $4, \
             previous_valid_until = $5, previous_last_used_at = $6, value_last_used_at = NULL WHERE id = $7",
        )
        .bind(&hash.as_bytes()[..])
        .bind(prefix.as_str())
        .bind(&previous.hash.as_bytes()[..])
        .bind(previous.prefix.as_str())
        .bind(previous.valid_until.as_millisecond())
        .bind(previous.last_used_at.map(Timestamp::as_millisecond))
        .bind(id.as_str())
        .execute(change.connection())
        .await?;
        let detail = format!("{}, old value valid until {valid_until:.0}", former.name);
        let entry = Entry {
            action: Action::TokenRotate,
            function: Some(&slug),
            target: id.as_str(),
            detail: Some(&detail),
        };
        let before = values(former.prefix, former.previous.as_ref());
        let after = values(prefix, Some(&previous));
        change.record(entry, Some(before), Some(after)).await?;
        change.commit().await?;
        let token = RuntimeTokenRecord {
            hash,
            prefix,
            previous: Some(previous),
            value_last_used_at: None,
            ..former.clone()
        };
        Ok(RotatedToken { token, former })
    }

    /// Ends the grace period of the old value now.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the function has no such token; [`StoreError::Conflict`] when no old value is
    /// valid; [`StoreError::Database`].
    pub async fn finish_rotation(
        &self,
        actor: &Actor,
        function: &FunctionId,
        id: &TokenId,
    ) -> Result<RuntimeTokenRecord, StoreError> {
        let mut change = self.change(actor).await?;
        let slug = functions::slug_of(change.connection(), function).await?;
        let now = change.now();
        let token = find(change.connection(), function, id).await?;
        let Some(previous) = token
            .previous
            .as_ref()
            .filter(|previous| previous.valid_until > now)
        else {
            return Err(StoreError::conflict(format!(
                "`{}` has no old value that still works",
                token.name
            )));
        };
        let ended = PreviousTokenValue {
            valid_until: now,
            ..previous.clone()
        };
        end_previous(&mut change, &slug, &token).await?;
        change.commit().await?;
        Ok(RuntimeTokenRecord {
            previous: Some(ended),
            ..token
        })
    }
}

/// Ends the grace period of the old value of `token` now.
pub(crate) async fn end_previous(
    change: &mut Change<'_>,
    function: &Slug,
    token: &RuntimeTokenRecord,
) -> Result<(), StoreError> {
    let now = change.now();
    sqlx::query("UPDATE runtime_tokens SET previous_valid_until = $1 WHERE id = $2")
        .bind(now.as_millisecond())
        .bind(token.id.as_str())
        .execute(change.connection())
        .await?;
    let before = values(token.prefix, token.previous.as_ref());
    let after = values(token.prefix, None);
    let step = (Action::TokenRotateFinish, Some(before), Some(after));
    note(change, function, token, step).await
}
