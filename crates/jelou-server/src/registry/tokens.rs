//! Runtime tokens, indexed by the hash of their value.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jelou_core::{FunctionId, TokenId};
use jelou_store::{QuotaUse, RuntimeTokenCredential, RuntimeTokenRecord};
use jelou_token::TokenHash;
use jiff::Timestamp;

use super::grant::{Grant, TokenLimits};
use super::last_used::LastUsed;
use super::quota_counter::QuotaPeriod;

const NEVER: i64 = i64::MAX;

/// One of the values of a token. Between a rotation and the end of its grace period, a token has two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenValue {
    Current,
    /// The value before the last rotation.
    Previous,
}

/// The data that the gateway needs to check one value of a runtime token.
#[derive(Debug)]
struct RuntimeTokenEntry {
    id: TokenId,
    function: FunctionId,
    expires_at_ms: i64,
    is_disabled: bool,
    value: TokenValue,
    last_used: LastUsed,
    /// Shared by both values of a token. Most tokens have no limits.
    limits: Option<Arc<TokenLimits>>,
}

impl RuntimeTokenEntry {
    /// Whether the value allows calls of the function now.
    fn authorises(&self, function: &FunctionId, now_ms: i64) -> bool {
        self.function == *function && now_ms < self.expires_at_ms && !self.is_disabled
    }

    fn grant(&self) -> Grant {
        Grant {
            token: self.id.clone(),
            // The number for "never" is out of a timestamp's range.
            expires_at: Timestamp::from_millisecond(self.expires_at_ms).ok(),
            limits: self.limits.clone(),
        }
    }
}

/// A token of any function, including expired and disabled tokens.
#[derive(Debug)]
pub(crate) struct KnownToken {
    pub(crate) function: FunctionId,
    pub(crate) is_disabled: bool,
    pub(crate) value: TokenValue,
    pub(crate) grant: Grant,
}

impl KnownToken {
    /// Returns why the value allows no calls of its function now; `None` if it allows them.
    pub(crate) fn fault(&self, now: Timestamp) -> Option<String> {
        if self.is_disabled {
            return Some("the token is disabled".to_owned());
        }
        let ended = self.grant.expires_at.filter(|end| *end <= now)?;
        Some(match self.value {
            TokenValue::Current => format!("the token expired at {ended:.0}"),
            TokenValue::Previous => {
                format!("the old value of a rotated token; its grace period ended at {ended:.0}")
            }
        })
    }
}

/// A use of a token that is not stored yet.
#[derive(Debug)]
pub(crate) struct Use {
    pub(crate) hash: TokenHash,
    pub(crate) id: TokenId,
    pub(crate) value: TokenValue,
    pub(crate) at_ms: i64,
}

#[derive(Debug, Default)]
pub(crate) struct RuntimeTokens {
    /// One entry for each value of a token. The entries are inline, so that each needs one allocation.
    by_hash: papaya::HashMap<TokenHash, RuntimeTokenEntry>,
    /// The tokens with a quota, so that storing their counts does not scan all tokens.
    quotas: papaya::HashMap<TokenId, Arc<QuotaPeriod>>,
}

impl RuntimeTokens {
    /// Returns the grant of a token of this function. Records the use, even if the grant does not allow the request.
    ///
    /// # Errors
    /// `Some` if it is a token of this function that is disabled or has expired; otherwise `None`.
    pub(crate) fn authenticate(
        &self,
        hash: &TokenHash,
        function: &FunctionId,
        now_ms: i64,
    ) -> Result<Grant, Option<TokenId>> {
        let tokens = self.by_hash.pin();
        let token = tokens.get(hash).ok_or(None)?;
        if !token.authorises(function, now_ms) {
            let is_of_function = token.function == *function;
            return Err(is_of_function.then(|| token.id.clone()));
        }
        token.last_used.touch(now_ms);
        Ok(token.grant())
    }

    /// Returns the token, for the log line of a refusal.
    pub(crate) fn known(&self, hash: &TokenHash) -> Option<KnownToken> {
        self.by_hash.pin().get(hash).map(|token| KnownToken {
            function: token.function.clone(),
            is_disabled: token.is_disabled,
            value: token.value,
            grant: token.grant(),
        })
    }

    /// Adds or changes a token. A known token keeps its last use that is not stored yet. It also keeps its rate limiter
    /// if the rate is the same.
    pub(crate) fn put(&self, token: RuntimeTokenCredential) {
        let tokens = self.by_hash.pin();
        let previous = token.previous.as_deref();
        let known = tokens
            .get(&token.hash)
            .or_else(|| previous.and_then(|previous| tokens.get(&previous.hash)))
            .and_then(|known| known.limits.as_deref());
        let limits = token
            .policy
            .map(|policy| Arc::new(TokenLimits::new(*policy, known, token.quota)));
        match limits.as_ref().and_then(|limits| limits.quota_period()) {
            Some(period) => {
                let period = Arc::clone(period);
                self.quotas.pin().insert(token.id.clone(), period);
            }
            None => {
                self.quotas.pin().remove(&token.id);
            }
        }
        let expires_at = token.expires_at.map_or(NEVER, Timestamp::as_millisecond);
        let put = |hash, value, expires_at_ms, last_used_at: Option<Timestamp>| {
            let last_used = LastUsed::new(last_used_at.map(Timestamp::as_millisecond));
            if let Some(used) = tokens.get(&hash).and_then(|known| known.last_used.get()) {
                last_used.touch(used);
            }
            let entry = RuntimeTokenEntry {
                id: token.id.clone(),
                function: token.function_id.clone(),
                expires_at_ms,
                is_disabled: token.is_disabled,
                value,
                last_used,
                limits: limits.clone(),
            };
            tokens.insert(hash, entry);
        };
        if let Some(previous) = previous {
            let valid_until = previous.valid_until.as_millisecond().min(expires_at);
            put(
                previous.hash,
                TokenValue::Previous,
                valid_until,
                previous.last_used_at,
            );
        }
        put(
            token.hash,
            TokenValue::Current,
            expires_at,
            token.value_last_used_at,
        );
    }

    /// Removes both values of a token.
    pub(crate) fn remove(&self, token: &RuntimeTokenRecord) {
        self.quotas.pin().remove(&token.id);
        self.remove_value(&token.hash);
        if let Some(previous) = &token.previous {
            self.remove_value(&previous.hash);
        }
    }

    pub(crate) fn remove_value(&self, hash: &TokenHash) {
        self.by_hash.pin().remove(hash);
    }

    pub(crate) fn remove_of(&self, function: &FunctionId) {
        self.by_hash.pin().retain(|_, token| {
            let is_of_function = token.function == *function;
            if is_of_function {
                self.quotas.pin().remove(&token.id);
            }
            !is_of_function
        });
    }

    /// Removes all values of these functions except the given values.
    pub(crate) fn retain_of(&self, values: &HashMap<FunctionId, HashSet<TokenHash>>) {
        if values.is_empty() {
            return;
        }
        let is_kept = |hash: &TokenHash, function: &FunctionId| {
            let values = values.get(function);
            values.is_none_or(|values| values.contains(hash))
        };
        let tokens = self.by_hash.pin();
        tokens.retain(|hash, token| is_kept(hash, &token.function));
    }

    /// Returns the calls of quotas that are not stored yet.
    pub(crate) fn unstored_quotas(&self) -> Vec<(TokenId, QuotaUse)> {
        let quotas = self.quotas.pin();
        quotas
            .iter()
            .filter_map(|(token, period)| Some((token.clone(), period.unstored()?)))
            .collect()
    }

    /// `sums` are the stored sums of all servers, which contain the calls that were `added`.
    pub(crate) fn mark_quotas_stored(
        &self,
        added: &[(TokenId, QuotaUse)],
        sums: &[(TokenId, QuotaUse)],
    ) {
        let sums: HashMap<_, _> = sums.iter().map(|(token, sum)| (token, *sum)).collect();
        let quotas = self.quotas.pin();
        for (token, added) in added {
            if let (Some(period), Some(sum)) = (quotas.get(token), sums.get(token)) {
                period.mark_stored(*added, *sum);
            }
        }
    }

    pub(crate) fn last_used(&self, hash: &TokenHash) -> Option<Timestamp> {
        let tokens = self.by_hash.pin();
        let at_ms = tokens.get(hash)?.last_used.get()?;
        Timestamp::from_millisecond(at_ms).ok()
    }

    /// Returns the uses that are not stored yet.
    pub(crate) fn used(&self) -> Vec<Use> {
        let tokens = self.by_hash.pin();
        tokens
            .iter()
            .filter_map(|(hash, token)| {
                Some(Use {
                    hash: *hash,
                    id: token.id.clone(),
                    value: token.value,
                    at_ms: token.last_used.unstored()?,
                })
            })
            .collect()
    }

    pub(crate) fn mark_stored(&self, stored: &Use) {
        if let Some(token) = self.by_hash.pin().get(&stored.hash) {
            token.last_used.mark_stored(stored.at_ms);
        }
    }
}

impl Extend<RuntimeTokenCredential> for RuntimeTokens {
    fn extend<Keys: IntoIterator<Item = RuntimeTokenCredential>>(&mut self, keys: Keys) {
        keys.into_iter().for_each(|key| self.put(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jelou_core::{Clock, TokenLabels, TokenName, TokenPolicy};
    use jelou_store::PreviousTokenValue;

    fn once_a_day() -> TokenPolicy {
        TokenPolicy {
            rate: Some("1/d".parse().unwrap()),
            ..TokenPolicy::default()
        }
    }

    /// A server may have a million such tokens.
    #[test]
    fn a_token_without_limits_is_small() {
        assert!(size_of::<(TokenHash, RuntimeTokenEntry)>() <= 128);
    }

    fn hash(number: u16) -> TokenHash {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        TokenHash::from_bytes(bytes)
    }

    fn record(number: u16, function: &FunctionId, policy: TokenPolicy) -> RuntimeTokenRecord {
        RuntimeTokenRecord {
            id: TokenId::generate(),
            function_id: function.clone(),
            name: TokenName::first_deployment(),
            hash: hash(number),
            prefix: "jfn_rt_abcd".parse().unwrap(),
            created_by: String::new(),
            created_at: Timestamp::UNIX_EPOCH,
            expires_at: None,
            disabled_at: None,
            last_used_at: None,
            value_last_used_at: None,
            last_used_from: None,
            quota: None,
            policy,
            labels: TokenLabels::default(),
            previous: None,
        }
    }

    #[test]
    fn the_state_of_a_rate_survives_other_changes() {
        let tokens = RuntimeTokens::default();
        let function = FunctionId::generate();
        let count = |number| {
            let grant = tokens.authenticate(&hash(number), &function, 1).unwrap();
            grant.count(&Clock::system()).is_ok()
        };
        let limited = record(0, &function, once_a_day());
        tokens.put((&limited).into());
        assert!(count(0));
        // The map grows, shrinks and grows again.
        let others: Vec<_> = (1..1000)
            .map(|number| record(number, &function, TokenPolicy::default()))
            .collect();
        for other in &others {
            tokens.put(other.into());
        }
        for other in &others[..899] {
            tokens.remove(other);
        }
        tokens.put((&limited).into());
        assert!(!count(0));
        assert!(count(950));
        // Revocation removes the state.
        tokens.remove(&limited);
        assert!(tokens.authenticate(&hash(0), &function, 1).is_err());
        tokens.put((&limited).into());
        assert!(count(0));
    }

    #[test]
    fn both_values_of_a_rotated_token_share_one_rate() {
        let tokens = RuntimeTokens::default();
        let function = FunctionId::generate();
        let count = |number, now_ms| {
            let grant = tokens.authenticate(&hash(number), &function, now_ms);
            grant
                .ok()
                .map(|grant| grant.count(&Clock::system()).is_ok())
        };
        let before = record(0, &function, once_a_day());
        tokens.put((&before).into());
        assert_eq!(count(0, 1), Some(true));
        let after = RuntimeTokenRecord {
            hash: hash(1),
            previous: Some(PreviousTokenValue {
                hash: before.hash,
                prefix: before.prefix,
                valid_until: Timestamp::from_millisecond(1000).unwrap(),
                last_used_at: None,
            }),
            ..before
        };
        tokens.put((&after).into());
        assert_eq!((count(0, 2), count(1, 2)), (Some(false), Some(false)));
        // The grace period ends.
        assert_eq!((count(0, 1000), count(1, 1000)), (None, Some(false)));
        // The use of the old value was not stored yet and is not lost.
        let uses: Vec<_> = tokens
            .used()
            .into_iter()
            .map(|used| (used.value, used.at_ms))
            .collect();
        assert!(uses.contains(&(TokenValue::Previous, 2)), "{uses:?}");
        assert!(uses.contains(&(TokenValue::Current, 1000)), "{uses:?}");
        tokens.remove(&after);
        assert_eq!((count(0, 2), count(1, 2)), (None, None));
    }

    #[test]
    fn a_new_rate_begins_anew() {
        let tokens = RuntimeTokens::default();
        let function = FunctionId::generate();
        let mut token = record(0, &function, once_a_day());
        let count = || {
            let grant = tokens.authenticate(&token.hash, &function, 1).unwrap();
            grant.count(&Clock::system()).is_ok()
        };
        tokens.put((&token).into());
        assert!(count() && !count());
        token.policy.rate = Some("1/h".parse().unwrap());
        tokens.put((&token).into());
        let count = || {
            let grant = tokens.authenticate(&token.hash, &function, 1).unwrap();
            grant.count(&Clock::system()).is_ok()
        };
        assert!(count() && !count());
    }
}
