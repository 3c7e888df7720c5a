//! What a valid token allows.

use std::net::IpAddr;
use std::sync::Arc;

use jelou_core::TokenPolicy;
use jelou_core::policy::{Cidrs, RuntimeScopes};

use super::rate_limiter::{OverRate, RateLimiter};

/// The limits of one token, and how far its rate is used up.
#[derive(Debug)]
pub(super) struct Limits {
    scopes: Option<RuntimeScopes>,
    cidrs: Option<Cidrs>,
    rate: Option<RateLimiter>,
}

impl From<TokenPolicy> for Limits {
    fn from(policy: TokenPolicy) -> Self {
        Self {
            scopes: policy.scopes,
            cidrs: policy.cidrs,
            rate: policy.rate.map(RateLimiter::new),
        }
    }
}

/// What the token of a request allows: everything, where it has no limits.
#[derive(Debug, Clone)]
pub(crate) struct Grant(pub(super) Option<Arc<Limits>>);

impl Grant {
    /// Whether a caller with that address may use it; a call by another function has none.
    pub(crate) fn allows_caller(&self, address: Option<IpAddr>) -> bool {
        let cidrs = self.0.as_ref().and_then(|limits| limits.cidrs.as_ref());
        cidrs.is_none_or(|cidrs| address.is_some_and(|address| cidrs.contain(address)))
    }

    /// The parts of the function that it is for; `None` is all of them.
    pub(crate) fn scopes(&self) -> Option<&RuntimeScopes> {
        self.0.as_ref()?.scopes.as_ref()
    }

    /// Counts a call toward the rate. Over it, the answer is the number of seconds until a call is free.
    pub(crate) fn count(&self) -> Result<(), u64> {
        let rate = self.0.as_ref().and_then(|limits| limits.rate.as_ref());
        let counted = rate.map_or(Ok(()), RateLimiter::count);
        counted.map_err(|OverRate(wait)| {
            // Rounded up: who comes back then is not too early.
            wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
        })
    }
}
