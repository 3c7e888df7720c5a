//! Exchanges identity tokens of trusted issuers for short-lived tokens (RFC 8693).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use jelou_core::api::CallGrant;
use jelou_core::trust::pin;
use jelou_core::{AccessTokenId, FunctionId, Scope, Scopes, Slug, TokenId};
use jelou_store::{
    DatabaseError, Exchange, Exchanged, ExchangedToken, NewExchangedToken, StoreError, TrustRecord,
};
use jelou_token::{AccessToken, RuntimeToken, TokenHash};
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::{Control, ControlError};
use crate::oidc::{self, Verified, VerifyError};

/// Lifetime of an exchanged token, in seconds.
pub(crate) const LIFETIME: i64 = 15 * 60;

/// Maximum number of attempts of an exchange whose policies change meanwhile.
const ATTEMPTS: u32 = 3;

/// What a request exchanges its identity token for.
#[derive(Debug, Clone)]
pub(crate) enum RequestedToken {
    /// An access token with these scopes. `None`: with all scopes of the accepting policies.
    Access(Option<Scopes>),
    /// A runtime token of the function.
    Call(Slug),
}

/// Why an exchange is refused. The caller gets the text, unless the text could help an attacker without a valid token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error("the identity token is not valid: {0}")]
    Token(#[from] VerifyError),
    #[error("the identity token is for {found}; a trust policy expects `{wanted}`")]
    Audience { found: String, wanted: String },
    #[error("no trust policy accepts the identity token of `{subject}`: {reason}")]
    NoPolicy { subject: String, reason: String },
    #[error(
        "the identity token was used already; each one works once, so ask the issuer for another one"
    )]
    Replayed,
    #[error("the trust policies changed during the exchange; try again")]
    PoliciesChanged,
    #[error("the trust policies for this identity token do not include the scope `{0}`")]
    Scope(Scope),
    #[error("the database is not available; try again in a moment")]
    Unavailable,
    #[error("internal error; the log of the server has the cause")]
    Internal(#[source] Box<ControlError>),
}

impl From<ControlError> for ExchangeError {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::Store(StoreError::Database(DatabaseError::Unavailable(_))) => {
                Self::Unavailable
            }
            other => Self::Internal(Box::new(other)),
        }
    }
}

/// An exchanged token with its value.
pub(crate) struct Issued {
    pub(crate) value: Zeroizing<String>,
    /// `None` for a runtime token.
    pub(crate) scopes: Option<Scopes>,
    pub(crate) policies: String,
}

impl Control {
    /// Exchanges an identity token for an access token or a runtime token.
    pub(crate) async fn exchange(
        self: &Arc<Self>,
        identity_token: &str,
        wanted: RequestedToken,
    ) -> Result<Issued, ExchangeError> {
        let issuer = oidc::unverified_issuer(identity_token)?;
        if self.registry.trust.load().of(&issuer).is_empty() {
            return Err(VerifyError::Issuer(issuer.escape_debug().to_string()).into());
        }
        let now = self.clock.now();
        let verified =
            oidc::verify(&self.issuer_keys, identity_token, &issuer, now.as_second()).await?;
        for _ in 1..ATTEMPTS {
            match self.issue(&issuer, &verified, &wanted, now).await {
                Err(ExchangeError::PoliciesChanged) => self.reload_trust().await?,
                done => return done,
            }
        }
        self.issue(&issuer, &verified, &wanted, now).await
    }

    /// Stores the exchanged token in a separate task, which completes even if the caller disconnects.
    async fn issue(
        self: &Arc<Self>,
        issuer: &str,
        verified: &Verified,
        wanted: &RequestedToken,
        now: Timestamp,
    ) -> Result<Issued, ExchangeError> {
        let policies = self.registry.trust.load();
        let accepted = accepted(policies.of(issuer), verified, wanted)?;
        let (verified, wanted) = (verified.clone(), wanted.clone());
        let exchanged = self.change(|control| async move {
            Ok(control
                .store_exchange(accepted, verified, wanted, now)
                .await)
        });
        exchanged.await?
    }

    async fn store_exchange(
        &self,
        accepted: Vec<Arc<TrustRecord>>,
        verified: Verified,
        wanted: RequestedToken,
        now: Timestamp,
    ) -> Result<Issued, ExchangeError> {
        let expires_at = now + SignedDuration::from_secs(LIFETIME);
        let first = &accepted[0];
        let (value, hash, prefix, new, scopes) = match wanted {
            RequestedToken::Access(wanted) => {
                let scopes = scopes_of(&accepted, wanted)?;
                let value = AccessToken::mint().map_err(random)?;
                let new = NewExchangedToken::Access {
                    id: AccessTokenId::generate(),
                    scopes: scopes.clone(),
                };
                let text = Zeroizing::new(value.expose().to_owned());
                (
                    text,
                    value.hash(),
                    value.display_prefix(),
                    new,
                    Some(scopes),
                )
            }
            RequestedToken::Call(slug) => {
                let function = self.store.function_id(&slug).await;
                let function = function.map_err(ControlError::from)?;
                let value = RuntimeToken::mint().map_err(random)?;
                let new = NewExchangedToken::Runtime {
                    id: TokenId::generate(),
                    function,
                    policy: first
                        .terms
                        .call
                        .as_ref()
                        .map(CallGrant::policy)
                        .unwrap_or_default(),
                };
                let text = Zeroizing::new(value.expose().to_owned());
                (text, value.hash(), value.display_prefix(), new, None)
            }
        };
        let mut pins = Vec::new();
        for policy in &accepted {
            // A different id was refused before. This only collects ids that are not pinned yet.
            if let Ok(Some(pinned)) = pin(policy.terms.issuer, &policy.pinned, &verified.claims) {
                pins.push((TrustRecord::clone(policy), pinned));
            }
        }
        let has_pins = !pins.is_empty();
        let exchange = Exchange {
            assertion: verified.assertion,
            assertion_expires_at: Timestamp::from_second(verified.ends).unwrap_or(Timestamp::MAX),
            token: ExchangedToken {
                hash,
                prefix,
                name: first.name.clone(),
                policies: accepted.iter().map(|policy| policy.id.clone()).collect(),
                subject: verified.subject,
                created_at: now,
                expires_at,
                new,
            },
            pins,
        };
        let exchanged = self.store.exchange(&exchange).await;
        match exchanged.map_err(ControlError::from)? {
            Exchanged::Stored => {}
            Exchanged::Replayed => return Err(ExchangeError::Replayed),
            Exchanged::PoliciesChanged => return Err(ExchangeError::PoliciesChanged),
        }
        if has_pins {
            self.reload_trust().await?;
        }
        self.put_exchanged(&exchange.token);
        let names: Vec<_> = accepted.iter().map(|policy| policy.name.as_str()).collect();
        Ok(Issued {
            value,
            scopes,
            policies: names.join(" "),
        })
    }

    /// Makes an exchanged token valid.
    pub(crate) fn put_exchanged(&self, token: &ExchangedToken) {
        let function = match &token.new {
            NewExchangedToken::Access { .. } => None,
            NewExchangedToken::Runtime { function, .. } => Some(function.clone()),
        };
        self.exchanged().insert(token.hash, function);
        match token.credential() {
            Some(credential) => self.registry.tokens.put(credential),
            None => self.registry.access_tokens.put_exchanged(token),
        }
    }
}

impl Control {
    /// Makes all exchanged tokens except these invalid.
    pub(super) fn retain_exchanged(&self, tokens: &[ExchangedToken]) {
        let kept: HashSet<_> = tokens.iter().map(|token| token.hash).collect();
        let mut known = self.exchanged();
        for (hash, _) in known.extract_if(|hash, _| !kept.contains(hash)) {
            self.registry.access_tokens.remove_value(&hash);
            self.registry.tokens.remove_value(&hash);
        }
    }

    /// Returns the valid exchanged tokens, those for calls with their function.
    pub(super) fn exchanged(&self) -> MutexGuard<'_, HashMap<TokenHash, Option<FunctionId>>> {
        let exchanged = self.exchanged.lock();
        exchanged.unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes an exchanged token invalid.
    pub(super) fn end_exchanged(&self, token: &ExchangedToken) {
        self.exchanged().remove(&token.hash);
        match &token.new {
            NewExchangedToken::Access { .. } => {
                self.registry.access_tokens.remove_value(&token.hash);
            }
            NewExchangedToken::Runtime { .. } => self.registry.tokens.remove_value(&token.hash),
        }
    }
}

fn random(error: impl std::fmt::Display) -> ExchangeError {
    ControlError::Random(error.to_string()).into()
}

/// Returns the policies that accept the identity token for the wanted token. Never empty.
fn accepted(
    policies: &[Arc<TrustRecord>],
    verified: &Verified,
    wanted: &RequestedToken,
) -> Result<Vec<Arc<TrustRecord>>, ExchangeError> {
    let accepting = policies.iter().filter(|policy| {
        verified.audiences.contains(&policy.terms.audience)
            && is_wanted(policy, wanted)
            && check(policy, verified).is_ok()
    });
    let accepted: Vec<_> = match wanted {
        // A runtime token gets the limits of one policy only.
        RequestedToken::Call(_) => accepting.take(1).cloned().collect(),
        RequestedToken::Access(_) => accepting.cloned().collect(),
    };
    if accepted.is_empty() {
        return Err(refusal(policies, verified, wanted));
    }
    Ok(accepted)
}

/// Says why none of the policies accepts the identity token.
fn refusal(
    policies: &[Arc<TrustRecord>],
    verified: &Verified,
    wanted: &RequestedToken,
) -> ExchangeError {
    let mut wrong_audience = None;
    let mut reasons = BTreeSet::new();
    for policy in policies {
        if !verified.audiences.contains(&policy.terms.audience) {
            wrong_audience = Some(policy.terms.audience.clone());
        } else if let Err(reason) = check(policy, verified) {
            reasons.insert(reason);
        } else if !is_wanted(policy, wanted) {
            reasons.insert(format!(
                "`{}` gives another kind of token, or calls another function",
                policy.name
            ));
        }
    }
    match wrong_audience {
        Some(wanted) if reasons.is_empty() => ExchangeError::Audience {
            found: format!("{:?}", verified.audiences),
            wanted,
        },
        _ => ExchangeError::NoPolicy {
            subject: verified.subject.escape_debug().to_string(),
            reason: Vec::from_iter(reasons).join("; "),
        },
    }
}

/// Whether the policy issues the requested kind of token.
fn is_wanted(policy: &TrustRecord, wanted: &RequestedToken) -> bool {
    match (wanted, &policy.terms.call) {
        (RequestedToken::Access(_), call) => call.is_none(),
        (RequestedToken::Call(slug), Some(call)) => call.function == *slug,
        (RequestedToken::Call(_), None) => false,
    }
}

/// Checks the conditions and the pinned ids of a policy.
fn check(policy: &TrustRecord, verified: &Verified) -> Result<(), String> {
    let (terms, claims) = (&policy.terms, &verified.claims);
    let conditions = terms.conditions.accept(terms.issuer, claims);
    conditions.map_err(|error| error.to_string())?;
    let pinned = pin(terms.issuer, &policy.pinned, claims);
    pinned.map(drop).map_err(|error| error.to_string())
}

/// Returns the scopes of all policies together, or the requested scopes if the policies include them.
fn scopes_of(
    accepted: &[Arc<TrustRecord>],
    wanted: Option<Scopes>,
) -> Result<Scopes, ExchangeError> {
    let given: Scopes = accepted
        .iter()
        .filter_map(|policy| policy.terms.scopes.as_ref())
        .flat_map(Scopes::iter)
        .cloned()
        .collect();
    let Some(wanted) = wanted else {
        return Ok(given);
    };
    let missing = wanted.iter().find(|scope| !given.allows(scope)).cloned();
    match missing {
        Some(missing) => Err(ExchangeError::Scope(missing)),
        None => Ok(wanted),
    }
}

const SWEEP_PERIOD: Duration = Duration::from_mins(1);

/// Deletes expired exchanged tokens periodically.
pub(crate) async fn sweep_periodically(control: Arc<Control>) {
    loop {
        tokio::time::sleep(SWEEP_PERIOD).await;
        match control.store.sweep_exchanges().await {
            Ok(expired) => expired
                .iter()
                .for_each(|token| control.end_exchanged(token)),
            // The next sweep retries.
            Err(error) => tracing::warn!(%error, "cannot delete expired exchanged tokens"),
        }
    }
}
