//! The in-memory state of the data plane: calls are answered from it, without the database.
//!
//! Reads are lock-free. [`crate::control`] applies changes one at a time, after they are stored.

mod access_tokens;
mod call_counter;
mod function;
mod grant;
mod last_used;
mod preview;
mod quota_counter;
mod rate_limiter;
mod routes;
mod token_usage;
mod tokens;
mod trust;

use std::sync::Arc;

use arc_swap::ArcSwap;
use jelou_core::{Clock, PreviewId, PreviewName, Slug};
use jelou_store::SecretRecord;

pub(crate) use access_tokens::{AccessTokenEntry, AccessTokens};
pub(crate) use call_counter::CallCounter;
pub(crate) use function::{Function, Live, Settings};
pub(crate) use grant::{Denied, Grant, LimitStatus};
pub(crate) use preview::{Preview, Previews};
pub(crate) use quota_counter::QuotaStatus;
pub(crate) use rate_limiter::RateStatus;
pub(crate) use routes::{Found, Routes};
pub(crate) use token_usage::{AddressClass, TokenUsage, UsageCounts};
pub(crate) use tokens::{KnownToken, RuntimeTokens, TokenValue};
pub(crate) use trust::TrustPolicies;

#[derive(Debug, Default)]
pub(crate) struct Registry {
    functions: papaya::HashMap<Slug, Arc<Function>>,
    pub(crate) tokens: RuntimeTokens,
    pub(crate) token_usage: TokenUsage,
    pub(crate) access_tokens: AccessTokens,
    pub(crate) trust: ArcSwap<TrustPolicies>,
    /// Secrets that every function inherits.
    pub(crate) organisation_secrets: ArcSwap<Vec<SecretRecord>>,
}

impl Registry {
    /// Creates a registry with these runtime tokens, without functions and access tokens.
    pub(crate) fn of(tokens: RuntimeTokens) -> Self {
        Self {
            tokens,
            ..Self::default()
        }
    }

    /// Returns the secrets of a function: its own, and those of the organisation whose key it does not set.
    pub(crate) fn with_inherited(&self, mut own: Vec<SecretRecord>) -> Vec<SecretRecord> {
        let inherited = self.organisation_secrets.load();
        let is_own = |other: &SecretRecord| own.iter().any(|secret| secret.key == other.key);
        let missing: Vec<_> = inherited
            .iter()
            .filter(|one| !is_own(one))
            .cloned()
            .collect();
        own.extend(missing);
        own
    }

    /// Returns the function with this subdomain.
    pub(crate) fn function(&self, label: &str) -> Option<Arc<Function>> {
        self.functions.pin().get(label).map(Arc::clone)
    }

    /// Returns the function or preview with this subdomain. The function has priority.
    pub(crate) fn addressed(&self, label: &str, clock: &Clock) -> Option<Arc<Function>> {
        self.function(label).or_else(|| {
            let (name, slug) = PreviewName::split_label(label)?;
            let found = self.function(slug)?.previews.named(name, clock.now_ms())?;
            let preview = found.preview.as_ref()?;
            (!preview.is_header_only()).then_some(found)
        })
    }

    /// Returns the function, or its preview with this id.
    pub(crate) fn owner(&self, slug: &str, preview: Option<&PreviewId>) -> Option<Arc<Function>> {
        let function = self.function(slug)?;
        match preview {
            None => Some(function),
            Some(id) => function.previews.with_id(id),
        }
    }

    /// Returns all functions and their previews.
    pub(crate) fn with_previews(&self) -> Vec<Arc<Function>> {
        let functions = self.functions();
        let previews = functions
            .iter()
            .flat_map(|function| function.previews.all());
        let previews: Vec<_> = previews.collect();
        [functions, previews].concat()
    }

    /// Returns the live deployment of a function; `None` if it has none.
    pub(crate) fn live(&self, slug: &Slug) -> Option<Arc<Live>> {
        self.function(slug.as_str())?.live.load_full()
    }

    pub(crate) fn functions(&self) -> Vec<Arc<Function>> {
        self.functions.pin().values().map(Arc::clone).collect()
    }

    pub(crate) fn put_function(&self, function: Arc<Function>) {
        self.functions.pin().insert(function.slug.clone(), function);
    }

    pub(crate) fn remove_function(&self, slug: &Slug) -> Option<Arc<Function>> {
        self.functions.pin().remove(slug).map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jelou_store::Parts;

    /// A new field of the registry and a new part of the feed do not compile here until they are assigned to each
    /// other.
    #[test]
    fn a_server_that_reads_everything_again_reads_every_field() {
        let Parts {
            functions,
            organisation_secrets: secrets,
            access_tokens: access,
            trust: policies,
            exchanged_tokens: exchanged,
            schedules,
            identity_keys,
        } = Parts::all(["hola".parse().unwrap()].into());
        let Registry {
            functions: _,
            tokens: _,
            // Counts of this server, which no other server changes.
            token_usage: _,
            access_tokens: _,
            trust: _,
            organisation_secrets: _,
        } = Registry::default();
        for (field, is_read) in [
            ("functions, tokens", !functions.is_empty()),
            ("access_tokens", access),
            ("trust", policies),
            ("exchanged tokens in tokens, access_tokens", exchanged),
            ("organisation_secrets", secrets),
            ("pauses of the scheduler", schedules),
            ("keys of the issuer", identity_keys),
        ] {
            assert!(is_read, "{field}");
        }
    }
}
