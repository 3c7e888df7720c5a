//! Periodic tasks for tokens: warns before they expire, and disables unused tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jelou_core::FunctionId;
use jelou_core::api::UpdateToken;
use jelou_store::{Actor, ExpiringToken, LastTokenRule, StoreError};
use jiff::{SignedDuration, Timestamp};

use super::{Control, ControlError};
use crate::last_used;

/// How often the tasks run.
const PERIOD: Duration = Duration::from_hours(1);
/// Days before the expiry of a token at which its owner is warned, in ascending order.
const WARNINGS: [i64; 3] = [1, 7, 30];

/// Number of tokens that expire within each of [`WARNINGS`], for the metrics.
#[derive(Debug, Default)]
pub(crate) struct Expiring([AtomicU64; WARNINGS.len()]);

impl Expiring {
    /// Returns pairs of days and the number of tokens that expire within them.
    pub(crate) fn read(&self) -> impl Iterator<Item = (i64, u64)> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        WARNINGS.into_iter().zip(counts)
    }
}

impl Control {
    pub(crate) async fn keep_tokens_periodically(self: Arc<Self>) {
        loop {
            if let Err(error) = self.keep_tokens().await {
                tracing::warn!(%error, "cannot check the expiry and the use of tokens");
            }
            tokio::time::sleep(PERIOD).await;
        }
    }

    /// Warns about tokens that expire soon, and disables unused tokens.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub(crate) async fn keep_tokens(self: &Arc<Self>) -> Result<(), ControlError> {
        self.warn_of_expiry().await?;
        if let Some(days) = self.token_rules.disable_unused_days {
            self.disable_unused(days).await?;
        }
        Ok(())
    }

    async fn warn_of_expiry(&self) -> Result<(), ControlError> {
        // A warning is given once, so a clock that is ahead must not give it early.
        let now = self.store.deletion_time().await?;
        let horizon = now + days(WARNINGS[WARNINGS.len() - 1]);
        let expiring = self.store.expiring_tokens(now, horizon).await?;
        for (within, count) in WARNINGS.into_iter().zip(&self.expiring_tokens.0) {
            let until = now + days(within);
            let soon = expiring.iter().filter(|token| token.expires_at <= until);
            count.store(soon.count() as u64, Ordering::Relaxed);
        }
        let mut warned = Vec::new();
        for token in expiring {
            if let Some(within) = warning(&token, now) {
                self.warn(&token, within);
                warned.push((token.id, within));
            }
        }
        Ok(self.store.note_expiry_warnings(&warned).await?)
    }

    fn warn(&self, token: &ExpiringToken, within: i64) {
        let ExpiringToken {
            id,
            function,
            name,
            expires_at,
            ..
        } = token;
        let unit = if within == 1 { "day" } else { "days" };
        tracing::info!(token = %id, %name, %expires_at, "a token expires within {within} {unit}");
        self.event(
            function,
            None,
            "token.expiring",
            format!("the token `{name}` expires within {within} {unit}, at {expires_at:.0}"),
        );
    }

    async fn disable_unused(self: &Arc<Self>, unused_days: u32) -> Result<(), ControlError> {
        // The last uses may not be stored yet.
        last_used::store_now(&self.registry, &self.store).await?;
        // Callers cannot use a disabled token, so a clock that is ahead must not disable one.
        let now = self.store.deletion_time().await?;
        let since = now - days(i64::from(unused_days));
        for (function, token) in self.store.unused_tokens(since, now).await? {
            let update = UpdateToken {
                disabled: Some(true),
                ..UpdateToken::default()
            };
            let disabled = self
                .change(|control| async move {
                    let (actor, rule) = (Actor::system(), LastTokenRule::Enforced);
                    let updated = control
                        .store
                        .update_token(&actor, &function, &token, update, rule)
                        .await?;
                    control.registry.tokens.put((&updated).into());
                    control.say_disabled(&function, updated.name.as_str(), unused_days);
                    Ok(())
                })
                .await;
            match disabled {
                // The last active token stays enabled. `NotFound`: another change was faster.
                Ok(())
                | Err(ControlError::Store(
                    StoreError::LastToken { .. } | StoreError::NotFound { .. },
                )) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn say_disabled(&self, function: &FunctionId, name: &str, unused_days: u32) {
        let message = format!(
            "the token `{name}` was disabled: nobody used it for {unused_days} days (tokens.disable_unused_days)"
        );
        self.event(function, None, "token.disabled", message);
    }
}

/// Returns the warning that is due for a token, in days. A token with a shorter lifetime gets no such warning.
fn warning(token: &ExpiringToken, now: Timestamp) -> Option<i64> {
    let left = token.expires_at.duration_since(now);
    let life = token.expires_at.duration_since(token.created_at);
    let within = WARNINGS
        .into_iter()
        .find(|within| left <= days(*within))
        .filter(|within| life > days(*within))?;
    token
        .warned_days
        .is_none_or(|warned| warned > within)
        .then_some(within)
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jelou_core::{TokenId, TokenName};

    #[test]
    fn a_token_is_announced_once_at_each_distance() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let token = |created: &str, warned_days| ExpiringToken {
            id: TokenId::generate(),
            function: FunctionId::generate(),
            name: TokenName::first_deployment(),
            created_at: at(created),
            expires_at: at("2026-03-31T00:00:00Z"),
            warned_days,
        };
        let old = "2025-01-01T00:00:00Z";
        for (now, created, warned, expected) in [
            ("2026-02-28T00:00:00Z", old, None, None),
            ("2026-03-01T00:00:00Z", old, None, Some(30)),
            ("2026-03-02T00:00:00Z", old, Some(30), None),
            ("2026-03-24T00:00:00Z", old, Some(30), Some(7)),
            // The server did not run at 30 and at 7 days.
            ("2026-03-30T12:00:00Z", old, None, Some(1)),
            ("2026-03-30T12:00:00Z", old, Some(1), None),
            // Tokens with a short lifetime.
            ("2026-03-30T12:00:00Z", "2026-03-30T11:00:00Z", None, None),
            ("2026-03-24T12:00:00Z", "2026-03-24T11:00:00Z", None, None),
        ] {
            assert_eq!(warning(&token(created, warned), at(now)), expected, "{now}");
        }
    }
}
