//! The permissions of a valid runtime token.

use std::net::IpAddr;
use std::sync::Arc;

use jelou_core::policy::{Cidrs, HttpMethods, RuntimeScopes};
use jelou_core::{TokenId, TokenPolicy};
use jiff::Timestamp;

use super::rate_limiter::{OverRate, RateLimiter, RateStatus};

/// The limits of a token, and the state of its rate limiter.
#[derive(Debug)]
pub(super) struct Limits {
    scopes: Option<RuntimeScopes>,
    cidrs: Option<Cidrs>,
    methods: Option<HttpMethods>,
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
            methods: policy.methods,
            rate,
        }
    }
}

/// The permissions of a request's token.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) token: TokenId,
    /// The end of the presented value: the token's expiry, or the end of the grace period. `None`: never.
    pub(crate) expires_at: Option<Timestamp>,
    /// `None` allows everything.
    pub(super) limits: Option<Arc<Limits>>,
}

impl Grant {
    /// Whether the token allows a caller at this address. A call by another function has no address.
    pub(crate) fn allows_caller(&self, address: Option<IpAddr>) -> bool {
        self.cidrs()
            .is_none_or(|cidrs| address.is_some_and(|address| cidrs.contain(address)))
    }

    pub(crate) fn allows_method(&self, method: &str) -> bool {
        let limits = self.limits.as_ref();
        let methods = limits.and_then(|limits| limits.methods.as_ref());
        methods.is_none_or(|methods| methods.allow(method))
    }

    /// The allowed networks; `None` for all.
    pub(crate) fn cidrs(&self) -> Option<&Cidrs> {
        self.limits.as_ref()?.cidrs.as_ref()
    }

    /// The allowed parts of the function; `None` for all.
    pub(crate) fn scopes(&self) -> Option<&RuntimeScopes> {
        self.limits.as_ref()?.scopes.as_ref()
    }

    /// Counts a call towards the rate.
    ///
    /// # Errors
    /// The call exceeds the rate.
    pub(crate) fn count(&self) -> Result<(), OverRate> {
        self.rate().map_or(Ok(()), RateLimiter::count)
    }

    /// What is left of the rate; `None` without a rate.
    pub(crate) fn rate_status(&self) -> Option<RateStatus> {
        self.rate().map(RateLimiter::status)
    }

    fn rate(&self) -> Option<&RateLimiter> {
        self.limits.as_ref()?.rate.as_deref()
    }
}
