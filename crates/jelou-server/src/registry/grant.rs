//! The permissions of a valid runtime token.

use std::net::IpAddr;
use std::sync::Arc;

use jelou_core::TokenPolicy;
use jelou_core::policy::{Cidrs, RuntimeScopes};

use super::rate_limiter::{OverRate, RateLimiter};

/// The limits of a token, and the state of its rate limiter.
#[derive(Debug)]
pub(super) struct Limits {
    scopes: Option<RuntimeScopes>,
    cidrs: Option<Cidrs>,
    /// Shared with the limits before and after a change that keeps the rate.
    rate: Option<Arc<RateLimiter>>,
}

impl Limits {
    /// The limits of a policy. They go on with the rate limiter of `former` if it has the same rate.
    pub(super) fn new(policy: TokenPolicy, former: Option<&Self>) -> Self {
        let former = former.and_then(|limits| limits.rate.as_ref());
        let rate = policy.rate.map(|rate| {
            let same = former.filter(|limiter| limiter.rate() == rate);
            same.map_or_else(|| Arc::new(RateLimiter::new(rate)), Arc::clone)
        });
        Self {
            scopes: policy.scopes,
            cidrs: policy.cidrs,
            rate,
        }
    }
}

/// The permissions of a request's token. `None` allows everything.
#[derive(Debug, Clone)]
pub(crate) struct Grant(pub(super) Option<Arc<Limits>>);

impl Grant {
    /// Whether the token allows a caller at this address. A call by another function has no address.
    pub(crate) fn allows_caller(&self, address: Option<IpAddr>) -> bool {
        let cidrs = self.0.as_ref().and_then(|limits| limits.cidrs.as_ref());
        cidrs.is_none_or(|cidrs| address.is_some_and(|address| cidrs.contain(address)))
    }

    /// The allowed parts of the function; `None` for all.
    pub(crate) fn scopes(&self) -> Option<&RuntimeScopes> {
        self.0.as_ref()?.scopes.as_ref()
    }

    /// Counts a call towards the rate.
    ///
    /// # Errors
    /// The call exceeds the rate. The error is the number of seconds until the next allowed call.
    pub(crate) fn count(&self) -> Result<(), u64> {
        let rate = self.0.as_ref().and_then(|limits| limits.rate.as_ref());
        let counted = rate.map_or(Ok(()), |rate| rate.count());
        counted.map_err(|OverRate(wait)| {
            // Rounded up, so that a retry after this time is not too early.
            wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
        })
    }
}
