//! The operator's rules for runtime tokens: section `[tokens]` of the configuration.

use jelou_core::FunctionId;
use jiff::{SignedDuration, Timestamp};

use super::{Control, ControlError};

/// Lifetime of a function's first token if tokens need an expiry but have no maximum lifetime.
const FIRST_TOKEN_DAYS: u32 = 365;
/// Maximum time by which a client's clock may be ahead.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

impl Control {
    /// # Errors
    /// [`ControlError::CreationDisabled`].
    pub(super) fn may_create_tokens(&self) -> Result<(), ControlError> {
        match &self.token_rules.creation_disabled {
            Some(message) => Err(ControlError::CreationDisabled(message.clone())),
            None => Ok(()),
        }
    }

    /// Checks the expiry of a token that is created or changed.
    ///
    /// # Errors
    /// [`ControlError::TokenRule`] names the setting.
    pub(super) fn check_life(&self, expires_at: Option<Timestamp>) -> Result<(), ControlError> {
        let rules = &self.token_rules;
        let Some(days) = rules.max_life_days else {
            return match expires_at {
                None if rules.require_expiry => Err(ControlError::TokenRule(
                    "a token of this server needs an expiry (tokens.require_expiry); pass one, such as \
                     `--expires-in 90d`"
                        .to_owned(),
                )),
                _ => Ok(()),
            };
        };
        let latest = self.after_days(days);
        match expires_at {
            None => Err(ControlError::TokenRule(format!(
                "a token of this server expires after {days} days at the latest (tokens.max_life_days, a server setting); pass an expiry, \
                 such as `--expires-in {days}d`"
            ))),
            Some(at) if at > latest + SKEW => Err(ControlError::TokenRule(format!(
                "the expiry is {at:.0}; the latest one is {latest:.0}, {days} days from now (tokens.max_life_days, a server setting)"
            ))),
            Some(_) => Ok(()),
        }
    }

    /// Returns the expiry of the first token of a function.
    pub(super) fn first_expiry(&self) -> Option<Timestamp> {
        let rules = &self.token_rules;
        let default = rules.require_expiry.then_some(FIRST_TOKEN_DAYS);
        rules
            .max_life_days
            .or(default)
            .map(|days| self.after_days(days))
    }

    /// Checks that a function may have one more token.
    ///
    /// # Errors
    /// [`ControlError::TokenRule`] if the maximum is reached, or the store cannot be read.
    pub(super) async fn check_count(&self, function: &FunctionId) -> Result<(), ControlError> {
        let Some(max) = self.token_rules.max_per_function else {
            return Ok(());
        };
        let count = self.store.count_tokens(function).await?;
        if count < max as u64 {
            return Ok(());
        }
        Err(ControlError::TokenRule(format!(
            "the function has {count} tokens; the limit is {max} (tokens.max_per_function, a server setting); revoke one first"
        )))
    }

    fn after_days(&self, days: u32) -> Timestamp {
        self.after(u64::from(days) * 24 * 60 * 60)
    }
}
