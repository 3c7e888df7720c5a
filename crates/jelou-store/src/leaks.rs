//! Revokes leaked tokens by their value, because the finder of a leaked token has only its value.

use jelou_core::api::{LeakOutcome, LeakedToken};
use jelou_token::TokenHash;

use crate::access_tokens::AccessTokenRecord;
use crate::actor::Actor;
use crate::database::row::Columns;
use crate::error::StoreError;
use crate::runtime_tokens::{self, RuntimeTokenRecord};
use crate::store::Store;
use crate::{access_tokens, functions};

/// The result of [`Store::revoke_leaked_token`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeLeak {
    pub report: LeakedToken,
    /// The token before the change. `None` if nothing changed.
    pub ended: Option<RuntimeTokenRecord>,
}

impl Store {
    /// Revokes the runtime token with this value, in any function. If the value is the old value of a rotated token,
    /// only ends the old value. The rule that a function keeps an active token does not apply, because a leaked token
    /// is worse than none.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn revoke_leaked_token(
        &self,
        actor: &Actor,
        hash: &TokenHash,
    ) -> Result<RuntimeLeak, StoreError> {
        let mut change = self.change(actor).await?;
        let now = change.now();
        let Some((token, is_revoked)) = runtime_tokens::holder(change.connection(), hash).await?
        else {
            return Ok(RuntimeLeak {
                report: LeakedToken::without_token(LeakOutcome::Unknown, None),
                ended: None,
            });
        };
        let slug = functions::slug_of(change.connection(), &token.function_id).await?;
        let is_old = token.hash != *hash;
        let previous = token.previous.as_ref().filter(|_| is_old);
        let outcome = if is_revoked || previous.is_some_and(|old| old.valid_until <= now) {
            LeakOutcome::AlreadyInvalid
        } else if is_old {
            runtime_tokens::end_previous(&mut change, &slug, &token).await?;
            LeakOutcome::OldValueEnded
        } else {
            runtime_tokens::revoke(&mut change, &slug, &token).await?;
            LeakOutcome::Revoked
        };
        change.commit().await?;
        Ok(RuntimeLeak {
            report: LeakedToken {
                outcome,
                prefix: None,
                id: Some(token.id.to_string()),
                name: Some(token.name.clone()),
                function: Some(slug),
            },
            ended: (outcome != LeakOutcome::AlreadyInvalid).then_some(token),
        })
    }

    /// Returns the access token whose current or old value has this hash, and whether the token is revoked.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn access_token_of(
        &self,
        hash: &TokenHash,
    ) -> Result<Option<(AccessTokenRecord, bool)>, StoreError> {
        let row = sqlx::query(
            "SELECT id, name, hash, prefix, scopes, created_by, created_at, expires_at, last_used_at, revoked_at, \
             previous_hash, previous_prefix, previous_valid_until, previous_last_used_at \
             FROM access_tokens WHERE hash = $1 OR previous_hash = $1",
        )
        .bind(&hash.as_bytes()[..])
        .fetch_optional(self.database.pool())
        .await?;
        row.map(|row| {
            let is_revoked = row.optional_time("revoked_at")?.is_some();
            Ok((access_tokens::record(&row)?, is_revoked))
        })
        .transpose()
    }
}
