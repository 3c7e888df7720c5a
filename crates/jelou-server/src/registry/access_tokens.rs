//! Access tokens, indexed by the hash of their value.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use jelou_core::{AccessTokenId, Scopes, TokenName, TrustId};
use jelou_store::{
    AccessTokenRecord, Actor, ExchangedToken, NewExchangedToken, PreviousTokenValue,
};
use jelou_token::{DisplayPrefix, TokenHash};
use jiff::Timestamp;

use super::last_used::LastUsed;
use super::tokens::TokenValue;

/// Data that the management API needs to check one value of an access token.
#[derive(Debug)]
pub(crate) struct AccessTokenEntry {
    pub(crate) id: AccessTokenId,
    pub(crate) name: TokenName,
    pub(crate) prefix: DisplayPrefix,
    pub(crate) scopes: Scopes,
    pub(crate) created_at: Timestamp,
    pub(crate) created_by: String,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) value: TokenValue,
    /// Trust policies that an exchanged token was issued by; `None` for a stored access token.
    trust: Option<Vec<TrustId>>,
    pub(crate) last_used: LastUsed,
}

impl AccessTokenEntry {
    fn current(record: &AccessTokenRecord) -> Self {
        Self {
            id: record.id.clone(),
            name: record.name.clone(),
            prefix: record.prefix,
            scopes: record.scopes.clone(),
            created_at: record.created_at,
            created_by: record.created_by.clone(),
            expires_at: record.expires_at,
            value: TokenValue::Current,
            trust: None,
            last_used: LastUsed::new(record.last_used_at.map(Timestamp::as_millisecond)),
        }
    }

    fn previous(record: &AccessTokenRecord, previous: &PreviousTokenValue) -> Self {
        let end = previous.valid_until;
        let last_used = previous.last_used_at.map(Timestamp::as_millisecond);
        Self {
            prefix: previous.prefix,
            expires_at: Some(record.expires_at.map_or(end, |expires| expires.min(end))),
            value: TokenValue::Previous,
            last_used: LastUsed::new(last_used),
            ..Self::current(record)
        }
    }

    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires| now >= expires)
    }

    /// Returns the author of changes made with this token.
    pub(crate) fn actor(&self, address: Option<IpAddr>) -> Actor {
        let id = match &self.trust {
            None => self.id.to_string(),
            Some(policies) => {
                let policies: Vec<_> = policies.iter().map(TrustId::as_str).collect();
                policies.join(" ")
            }
        };
        Actor {
            id,
            name: self.name.to_string(),
            address,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct AccessTokens {
    by_hash: papaya::HashMap<TokenHash, Arc<AccessTokenEntry>>,
}

impl AccessTokens {
    pub(crate) fn get(&self, hash: &TokenHash) -> Option<Arc<AccessTokenEntry>> {
        self.by_hash.pin().get(hash).map(Arc::clone)
    }

    /// Adds or changes a token, with both of its values. A value that is already known keeps its last use that is not
    /// stored yet.
    pub(crate) fn put(&self, token: &AccessTokenRecord) {
        if let Some(previous) = &token.previous {
            self.put_value(previous.hash, AccessTokenEntry::previous(token, previous));
        }
        self.put_value(token.hash, AccessTokenEntry::current(token));
    }

    /// Adds an access token that was issued in exchange for an identity token. Does nothing for a runtime token.
    pub(crate) fn put_exchanged(&self, token: &ExchangedToken) {
        let NewExchangedToken::Access { id, scopes } = &token.new else {
            return;
        };
        let entry = AccessTokenEntry {
            id: id.clone(),
            name: token.name.clone(),
            prefix: token.prefix,
            scopes: scopes.clone(),
            created_at: token.created_at,
            created_by: token.name.to_string(),
            expires_at: Some(token.expires_at),
            value: TokenValue::Current,
            trust: Some(token.policies.clone()),
            last_used: LastUsed::new(None),
        };
        self.put_value(token.hash, entry);
    }

    fn put_value(&self, hash: TokenHash, entry: AccessTokenEntry) {
        let tokens = self.by_hash.pin();
        if let Some(used) = tokens.get(&hash).and_then(|known| known.last_used.get()) {
            entry.last_used.touch(used);
        }
        tokens.insert(hash, Arc::new(entry));
    }

    /// Removes both values of a token.
    pub(crate) fn remove(&self, token: &AccessTokenRecord) {
        self.remove_value(&token.hash);
        if let Some(previous) = &token.previous {
            self.remove_value(&previous.hash);
        }
    }

    pub(crate) fn remove_value(&self, hash: &TokenHash) {
        self.by_hash.pin().remove(hash);
    }

    /// Removes all values except the given values.
    pub(crate) fn retain(&self, values: &HashSet<TokenHash>) {
        self.by_hash.pin().retain(|hash, _| values.contains(hash));
    }

    pub(crate) fn last_used(&self, hash: &TokenHash) -> Option<Timestamp> {
        let tokens = self.by_hash.pin();
        let at_ms = tokens.get(hash)?.last_used.get()?;
        Timestamp::from_millisecond(at_ms).ok()
    }

    /// Returns the tokens whose last use is not stored yet, with the time of that use.
    pub(crate) fn used(&self) -> Vec<(Arc<AccessTokenEntry>, i64)> {
        let tokens = self.by_hash.pin();
        tokens
            .values()
            .filter_map(|token| Some((Arc::clone(token), token.last_used.unstored()?)))
            .collect()
    }
}
