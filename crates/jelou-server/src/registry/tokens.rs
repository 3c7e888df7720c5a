//! Tokens, indexed by the hash of their value.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jelou_core::{AccessTokenId, FunctionId, Scopes, TokenId, TokenName};
use jelou_store::RuntimeTokenCredential;
use jelou_token::{BuildTokenHasher, DisplayPrefix, TokenHash};
use jiff::Timestamp;

use super::grant::{Grant, Limits};

const NEVER: i64 = i64::MAX;

/// The time of a token's last use. Calls update it, and batches store it.
#[derive(Debug)]
pub(crate) struct LastUsed {
    at_ms: AtomicI64,
    stored_ms: AtomicI64,
}

impl LastUsed {
    fn new(stored_ms: Option<i64>) -> Self {
        let at = stored_ms.unwrap_or(0);
        Self {
            at_ms: AtomicI64::new(at),
            stored_ms: AtomicI64::new(at),
        }
    }

    pub(crate) fn touch(&self, now_ms: i64) {
        // The read first avoids contention, because most calls of a busy token are in the same millisecond.
        if self.at_ms.load(Ordering::Relaxed) < now_ms {
            self.at_ms.fetch_max(now_ms, Ordering::Relaxed);
        }
    }

    /// Milliseconds since the Unix epoch; `None` if the token was never used.
    pub(crate) fn get(&self) -> Option<i64> {
        Some(self.at_ms.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }

    /// The time, if it is not stored yet.
    pub(crate) fn unstored(&self) -> Option<i64> {
        let at = self.at_ms.load(Ordering::Relaxed);
        (at > self.stored_ms.load(Ordering::Relaxed)).then_some(at)
    }

    pub(crate) fn mark_stored(&self, at_ms: i64) {
        self.stored_ms.fetch_max(at_ms, Ordering::Relaxed);
    }
}

/// The data that the gateway needs to check a runtime token.
#[derive(Debug)]
pub(crate) struct RuntimeTokenEntry {
    pub(crate) id: TokenId,
    pub(crate) function: FunctionId,
    expires_at_ms: i64,
    pub(crate) last_used: LastUsed,
    /// Boxed, because most tokens have no limits.
    limits: Option<Arc<Limits>>,
}

impl RuntimeTokenEntry {
    /// Whether the token authorises calls of the function now.
    pub(crate) fn authorises(&self, function: &FunctionId, now_ms: i64) -> bool {
        self.function == *function && now_ms < self.expires_at_ms
    }
}

impl From<RuntimeTokenCredential> for RuntimeTokenEntry {
    fn from(key: RuntimeTokenCredential) -> Self {
        Self {
            id: key.id,
            function: key.function_id,
            expires_at_ms: key.expires_at.map_or(NEVER, Timestamp::as_millisecond),
            last_used: LastUsed::new(key.last_used_at.map(Timestamp::as_millisecond)),
            limits: key.policy.map(|policy| Arc::new((*policy).into())),
        }
    }
}

/// A token of any function, including expired tokens.
#[derive(Debug)]
pub(crate) struct KnownToken {
    pub(crate) id: TokenId,
    pub(crate) function: FunctionId,
    /// `None`: never.
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) grant: Grant,
}

#[derive(Debug, Default)]
pub(crate) struct RuntimeTokens {
    /// Values are inline, so that each token needs one allocation.
    by_hash: papaya::HashMap<TokenHash, RuntimeTokenEntry, BuildTokenHasher>,
}

impl RuntimeTokens {
    /// The grant of a token of this function. Records the use, even if the grant does not allow the request.
    pub(crate) fn authenticate(
        &self,
        hash: &TokenHash,
        function: &FunctionId,
        now_ms: i64,
    ) -> Option<Grant> {
        let tokens = self.by_hash.pin();
        let token = tokens
            .get(hash)
            .filter(|token| token.authorises(function, now_ms))?;
        token.last_used.touch(now_ms);
        Some(Grant(token.limits.clone()))
    }

    /// The token, for the log line of a refusal.
    pub(crate) fn known(&self, hash: &TokenHash) -> Option<KnownToken> {
        self.by_hash.pin().get(hash).map(|token| KnownToken {
            id: token.id.clone(),
            function: token.function.clone(),
            expires_at: Timestamp::from_millisecond(token.expires_at_ms).ok(),
            grant: Grant(token.limits.clone()),
        })
    }

    /// Adds a token. A known token keeps its limits, which never change, and the state of its rate limiter.
    pub(crate) fn put(&self, key: RuntimeTokenCredential) {
        let hash = key.hash;
        let mut token = RuntimeTokenEntry::from(key);
        let tokens = self.by_hash.pin();
        if let Some(known) = tokens.get(&hash) {
            token.limits.clone_from(&known.limits);
        }
        tokens.insert(hash, token);
    }

    pub(crate) fn remove(&self, hash: &TokenHash) {
        self.by_hash.pin().remove(hash);
    }

    pub(crate) fn remove_of(&self, function: &FunctionId) {
        self.by_hash
            .pin()
            .retain(|_, token| token.function != *function);
    }

    pub(crate) fn last_used(&self, hash: &TokenHash) -> Option<i64> {
        self.by_hash
            .pin()
            .get(hash)
            .and_then(|token| token.last_used.get())
    }

    /// Tokens whose last use is not stored yet, and the time of this use.
    pub(crate) fn used(&self) -> Vec<(TokenHash, TokenId, i64)> {
        let tokens = self.by_hash.pin();
        tokens
            .iter()
            .filter_map(|(hash, token)| {
                let at = token.last_used.unstored()?;
                Some((*hash, token.id.clone(), at))
            })
            .collect()
    }

    pub(crate) fn mark_stored(&self, hash: &TokenHash, at_ms: i64) {
        if let Some(token) = self.by_hash.pin().get(hash) {
            token.last_used.mark_stored(at_ms);
        }
    }
}

impl Extend<RuntimeTokenCredential> for RuntimeTokens {
    fn extend<Keys: IntoIterator<Item = RuntimeTokenCredential>>(&mut self, keys: Keys) {
        keys.into_iter().for_each(|key| self.put(key));
    }
}

/// The data that the management API needs to check an access token.
#[derive(Debug)]
pub(crate) struct AccessTokenEntry {
    pub(crate) id: AccessTokenId,
    pub(crate) name: TokenName,
    pub(crate) prefix: DisplayPrefix,
    pub(crate) scopes: Scopes,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) last_used: LastUsed,
}

impl AccessTokenEntry {
    pub(crate) fn new(
        id: AccessTokenId,
        name: TokenName,
        prefix: DisplayPrefix,
        scopes: Scopes,
        created_at: Timestamp,
        expires_at: Option<Timestamp>,
        last_used_ms: Option<i64>,
    ) -> Self {
        let last_used = LastUsed::new(last_used_ms);
        Self {
            id,
            name,
            prefix,
            scopes,
            created_at,
            expires_at,
            last_used,
        }
    }

    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires| now >= expires)
    }
}

#[derive(Debug, Default)]
pub(crate) struct AccessTokens {
    by_hash: papaya::HashMap<TokenHash, Arc<AccessTokenEntry>, BuildTokenHasher>,
}

impl AccessTokens {
    pub(crate) fn get(&self, hash: &TokenHash) -> Option<Arc<AccessTokenEntry>> {
        self.by_hash.pin().get(hash).map(Arc::clone)
    }

    pub(crate) fn put(&self, hash: TokenHash, token: AccessTokenEntry) {
        self.by_hash.pin().insert(hash, Arc::new(token));
    }

    pub(crate) fn remove(&self, hash: &TokenHash) {
        self.by_hash.pin().remove(hash);
    }

    /// Tokens whose last use is not stored yet, and the time of this use.
    pub(crate) fn used(&self) -> Vec<(Arc<AccessTokenEntry>, i64)> {
        let tokens = self.by_hash.pin();
        tokens
            .values()
            .filter_map(|token| Some((Arc::clone(token), token.last_used.unstored()?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jelou_core::TokenPolicy;

    fn once_a_day() -> TokenPolicy {
        TokenPolicy {
            rate: Some("1/d".parse().unwrap()),
            ..TokenPolicy::default()
        }
    }

    /// There may be a million such tokens.
    #[test]
    fn a_token_without_limits_is_small() {
        assert!(size_of::<(TokenHash, RuntimeTokenEntry)>() <= 128);
    }

    #[test]
    fn the_state_of_a_rate_survives_other_changes() {
        let tokens = RuntimeTokens::default();
        let function = FunctionId::generate();
        let hash = |number: u16| {
            let mut bytes = [0; 32];
            bytes[..2].copy_from_slice(&number.to_be_bytes());
            TokenHash::from_bytes(bytes)
        };
        let put = |number, policy: Option<TokenPolicy>| {
            tokens.put(RuntimeTokenCredential {
                hash: hash(number),
                id: TokenId::generate(),
                function_id: function.clone(),
                expires_at: None,
                last_used_at: None,
                policy: policy.map(Box::new),
            });
        };
        let count = |number| {
            let grant = tokens.authenticate(&hash(number), &function, 1).unwrap();
            grant.count().is_ok()
        };
        put(0, Some(once_a_day()));
        assert!(count(0));
        // The map grows, shrinks and grows again.
        for number in 1..1000 {
            put(number, None);
        }
        for number in 1..900 {
            tokens.remove(&hash(number));
        }
        put(0, Some(once_a_day()));
        assert!(!count(0));
        assert!(count(950));
        // Revocation removes the state.
        tokens.remove(&hash(0));
        assert!(tokens.authenticate(&hash(0), &function, 1).is_none());
        put(0, Some(once_a_day()));
        assert!(count(0));
    }
}
