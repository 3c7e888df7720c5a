//! The permissions of a valid runtime token. The gateway and `jelou tokens check` use the same checks.

use std::net::IpAddr;
use std::sync::Arc;

use jelou_core::policy::{Cidrs, HttpMethods, RuntimeScopes};
use jelou_core::{Clock, TokenId, TokenPolicy};
use jelou_store::QuotaUse;
use jiff::Timestamp;

use super::quota_counter::{QuotaCounter, QuotaPeriod, QuotaStatus};
use super::rate_limiter::{RateLimiter, RateStatus};

/// The limits of a token, and the state of its rate limiter and its quota.
#[derive(Debug)]
pub(super) struct TokenLimits {
    scopes: Option<RuntimeScopes>,
    cidrs: Option<Cidrs>,
    methods: Option<HttpMethods>,
    /// Stays the same if a change of the token does not change the rate.
    rate: Option<Arc<RateLimiter>>,
    quota: Option<QuotaCounter>,
}

impl TokenLimits {
    /// Creates the limits of a policy. Keeps the rate limiter of `former` if the rate is the same, and its quota count
    /// if the calendar is the same.
    pub(super) fn new(
        policy: TokenPolicy,
        former: Option<&Self>,
        stored: Option<QuotaUse>,
    ) -> Self {
        let former_rate = former.and_then(|limits| limits.rate.as_ref());
        let rate = policy.rate.map(|rate| {
            let same = former_rate.filter(|limiter| limiter.rate() == rate);
            same.map_or_else(|| Arc::new(RateLimiter::new(rate)), Arc::clone)
        });
        let former_quota = former.and_then(|limits| limits.quota.as_ref());
        let quota = policy
            .quota
            .map(|quota| QuotaCounter::new(quota, former_quota, stored));
        Self {
            scopes: policy.scopes,
            cidrs: policy.cidrs,
            methods: policy.methods,
            rate,
            quota,
        }
    }

    pub(super) fn quota_period(&self) -> Option<&Arc<QuotaPeriod>> {
        self.quota.as_ref().map(QuotaCounter::period)
    }

    fn status(&self, clock: &Clock) -> LimitStatus {
        let quota = self.quota.as_ref();
        LimitStatus {
            rate: self.rate.as_deref().map(RateLimiter::status),
            quota: quota.map(|quota| quota.status(clock.now_ms())),
        }
    }
}

/// Why a valid token does not allow a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    Network,
    Method,
    Scope,
}

impl Denied {
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Network => "the token's networks do not contain the caller's address",
            Self::Method => "the token's methods do not include the request's",
            Self::Scope => "the token's scopes do not allow it",
        }
    }
}

/// The remaining calls of the rate and the quota.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LimitStatus {
    pub(crate) rate: Option<RateStatus>,
    pub(crate) quota: Option<QuotaStatus>,
}

impl LimitStatus {
    /// Returns the limit that allows no more calls now. If both are used up, returns the limit that resets later.
    pub(crate) fn exceeded(&self) -> Option<Exceeded> {
        let rate = self.rate.filter(|rate| rate.remaining == 0);
        let rate = rate.map(|rate| Exceeded {
            limit: "rate",
            value: rate.rate.to_string(),
            retry_after: rate.reset,
        });
        let quota = self.quota.as_ref().filter(|quota| quota.remaining == 0);
        let quota = quota.map(|quota| Exceeded {
            limit: "quota",
            value: quota.quota.to_string(),
            retry_after: quota.reset,
        });
        rate.into_iter()
            .chain(quota)
            .max_by_key(|exceeded| exceeded.retry_after)
    }
}

/// A limit without remaining calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exceeded {
    /// `rate` or `quota`.
    pub(crate) limit: &'static str,
    pub(crate) value: String,
    /// Seconds until the next allowed call, rounded up, so that a retry after this time is not too early.
    pub(crate) retry_after: u64,
}

impl Exceeded {
    pub(crate) fn reason(&self) -> String {
        let Self {
            limit,
            value,
            retry_after,
        } = self;
        format!(
            "the token is over its {limit} of {value}; the next call may come in {retry_after} s"
        )
    }
}

/// The permissions of a request's token.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) token: TokenId,
    /// When the presented value expires: the expiry of the token, or the end of the grace period. `None` if never.
    pub(crate) expires_at: Option<Timestamp>,
    /// `None` allows everything.
    pub(super) limits: Option<Arc<TokenLimits>>,
}

impl Grant {
    /// # Errors
    /// The token does not allow callers at this address. A call by another function has no address.
    pub(crate) fn allow_caller(&self, address: Option<IpAddr>) -> Result<(), Denied> {
        let cidrs = self
            .limits
            .as_ref()
            .and_then(|limits| limits.cidrs.as_ref());
        check(cidrs, Denied::Network, |cidrs| {
            address.is_some_and(|address| cidrs.contain(address))
        })
    }

    /// # Errors
    /// The token does not allow this HTTP method, or it allows none of these tools. `tools` is empty if the path is no
    /// route.
    pub(crate) fn allow_route<'a>(
        &self,
        method: &str,
        tools: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), Denied> {
        self.allow_method(method)?;
        check(self.scopes(), Denied::Scope, |scopes| {
            scopes.allow_route(tools)
        })
    }

    /// # Errors
    /// The token does not allow this HTTP method, or it does not allow MCP.
    pub(crate) fn allow_mcp(&self, method: &str) -> Result<(), Denied> {
        self.allow_method(method)?;
        check(self.scopes(), Denied::Scope, RuntimeScopes::allow_mcp)
    }

    /// # Errors
    /// The token does not allow this tool over MCP.
    pub(crate) fn allow_mcp_tool(&self, tool: &str) -> Result<(), Denied> {
        check(self.scopes(), Denied::Scope, |scopes| {
            scopes.allow_mcp_tool(tool)
        })
    }

    fn allow_method(&self, method: &str) -> Result<(), Denied> {
        let limits = self.limits.as_ref();
        let methods = limits.and_then(|limits| limits.methods.as_ref());
        check(methods, Denied::Method, |methods| methods.allow(method))
    }

    /// Whether the token is limited to networks.
    pub(crate) fn has_networks(&self) -> bool {
        self.limits
            .as_ref()
            .is_some_and(|limits| limits.cidrs.is_some())
    }

    /// Returns the allowed parts of the function; `None` if all are allowed.
    pub(crate) fn scopes(&self) -> Option<&RuntimeScopes> {
        self.limits.as_ref()?.scopes.as_ref()
    }

    /// Counts a call towards the rate and the quota. A call over the quota still counts towards the rate.
    ///
    /// # Errors
    /// The call exceeds the rate or the quota.
    pub(crate) fn count(&self, clock: &Clock) -> Result<(), LimitStatus> {
        let Some(limits) = &self.limits else {
            return Ok(());
        };
        if let Some(rate) = &limits.rate {
            rate.count().map_err(|over| LimitStatus {
                rate: Some(over.status()),
                ..limits.status(clock)
            })?;
        }
        if let Some(quota) = &limits.quota {
            quota.count(clock.now_ms()).map_err(|over| LimitStatus {
                quota: Some(over),
                ..limits.status(clock)
            })?;
        }
        Ok(())
    }

    /// Returns the remaining calls of rate and quota; `None` if the token has neither.
    pub(crate) fn limit_status(&self, clock: &Clock) -> Option<LimitStatus> {
        let limits = self.limits.as_ref()?;
        let counts = limits.rate.is_some() || limits.quota.is_some();
        counts.then(|| limits.status(clock))
    }
}

/// Checks a limit of a token. An absent limit allows everything.
fn check<L>(
    limit: Option<&L>,
    denied: Denied,
    allows: impl FnOnce(&L) -> bool,
) -> Result<(), Denied> {
    match limit {
        Some(limit) if !allows(limit) => Err(denied),
        _ => Ok(()),
    }
}
