//! Rotations of access tokens: a token gets a new value, and the old value works until the grace period ends.

use jelou_core::AccessTokenId;
use jiff::Timestamp;

use super::{AccessTokenRecord, find, note};
use crate::actor::Actor;
use crate::change::{Action, Change, Entry};
use crate::error::StoreError;
use crate::runtime_tokens::{PreviousTokenValue, Rotation, values};
use crate::store::Store;

impl Store {
    /// Replaces the value of an access token, like [`Store::rotate_token`]. Returns the token after and before the
    /// rotation.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such token; [`StoreError::Database`].
    pub async fn rotate_access_token(
        &self,
        actor: &Actor,
        id: &AccessTokenId,
        rotation: Rotation,
    ) -> Result<(AccessTokenRecord, AccessTokenRecord), StoreError> {
        let mut change = self.change(actor).await?;
        let former = find(change.connection(), id).await?;
        let Rotation {
            hash,
            prefix,
            valid_until,
            ..
        } = rotation;
        // The token's last use stays known when the value of that use is dropped.
        let earlier = former.previous.as_ref();
        let earlier_use = earlier.and_then(|earlier| earlier.last_used_at);
        let current = PreviousTokenValue {
            hash: former.hash,
            prefix: former.prefix,
            valid_until,
            last_used_at: former.last_used_at.max(earlier_use),
        };
        let previous = rotation.kept(current, earlier);
        sqlx::query(
            "UPDATE access_tokens SET hash = $1, prefix = $2, previous_hash = $3, previous_prefix = $4, \
             previous_valid_until = $5, previous_last_used_at = $6, last_used_at = NULL WHERE id = $7",
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
            action: Action::AccessTokenRotate,
            function: None,
            target: id.as_str(),
            detail: Some(&detail),
        };
        let before = values(former.prefix, former.previous.as_ref());
        let after = values(prefix, Some(&previous));
        change.record(entry, Some(before), Some(after)).await?;
        change.commit().await?;
        let token = AccessTokenRecord {
            hash,
            prefix,
            previous: Some(previous),
            last_used_at: None,
            ..former.clone()
        };
        Ok((token, former))
    }

    /// Ends the grace period of the old value now.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such token; [`StoreError::Conflict`] when no old value is valid;
    /// [`StoreError::Database`].
    pub async fn finish_access_token_rotation(
        &self,
        actor: &Actor,
        id: &AccessTokenId,
    ) -> Result<AccessTokenRecord, StoreError> {
        let mut change = self.change(actor).await?;
        let now = change.now();
        let token = find(change.connection(), id).await?;
        let still_valid = |previous: &&PreviousTokenValue| previous.valid_until > now;
        let Some(previous) = token.previous.as_ref().filter(still_valid) else {
            return Err(StoreError::conflict(format!(
                "`{}` has no old value that still works",
                token.name
            )));
        };
        let ended = PreviousTokenValue {
            valid_until: now,
            ..previous.clone()
        };
        end_previous(&mut change, &token).await?;
        change.commit().await?;
        Ok(AccessTokenRecord {
            previous: Some(ended),
            ..token
        })
    }
}

async fn end_previous(
    change: &mut Change<'_>,
    token: &AccessTokenRecord,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE access_tokens SET previous_valid_until = $1 WHERE id = $2")
        .bind(change.now().as_millisecond())
        .bind(token.id.as_str())
        .execute(change.connection())
        .await?;
    let before = values(token.prefix, token.previous.as_ref());
    let after = values(token.prefix, None);
    let step = (Action::AccessTokenRotateFinish, Some(before), Some(after));
    note(change, token, step).await
}
