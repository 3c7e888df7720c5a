//! The in-memory state of the data plane: calls are answered from it, without the database.
//!
//! Reads are lock-free. [`crate::control`] applies changes one at a time, after they are stored.

mod access_tokens;
mod call_counter;
mod function;
mod grant;
mod last_used;
mod rate_limiter;
mod routes;
mod tokens;

use std::sync::Arc;

use arc_swap::ArcSwap;
use jelou_core::Slug;
use jelou_store::TrustRecord;

pub(crate) use access_tokens::{AccessTokenEntry, AccessTokens};
pub(crate) use call_counter::CallCounter;
pub(crate) use function::{Function, Live, Settings};
pub(crate) use grant::Grant;
pub(crate) use rate_limiter::{OverRate, RateStatus};
pub(crate) use routes::{Found, Routes};
pub(crate) use tokens::{KnownToken, RuntimeTokens, TokenValue};

#[derive(Debug, Default)]
pub(crate) struct Registry {
    functions: papaya::HashMap<Slug, Arc<Function>>,
    pub(crate) tokens: RuntimeTokens,
    pub(crate) access_tokens: AccessTokens,
    pub(crate) trust: ArcSwap<Vec<TrustRecord>>,
}

impl Registry {
    /// A registry without functions and access tokens.
    pub(crate) fn of(tokens: RuntimeTokens) -> Self {
        Self {
            tokens,
            ..Self::default()
        }
    }

    /// The function with this subdomain.
    pub(crate) fn function(&self, label: &str) -> Option<Arc<Function>> {
        self.functions.pin().get(label).map(Arc::clone)
    }

    /// The live deployment of a function; `None` without one.
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
