//! The control plane. A change updates the store, then the registry, and then responds. Thus an acknowledged change is
//! stored, and the next call sees it.
//!
//! Changes run one at a time. Each change runs in its own task and completes even if the caller disconnects. Thus the
//! registry never misses a change of the store.

mod access_tokens;
mod candidate;
mod deploy;
mod deploy_checks;
mod deployments;
mod error;
mod exchange;
mod follow;
mod function_settings;
mod functions;
mod late_start;
mod leaks;
mod master_key;
mod nodes;
mod organisation_secrets;
mod previews;
mod remote_modules;
mod rollback;
mod schedules;
mod secrets;
mod smoke;
mod token_check;
mod token_rules;
mod token_transfer;
mod token_upkeep;
mod token_uses;
mod tokens;
mod trust;
mod unapplied;
mod upload_budget;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, OnceLock};

use jelou_core::{Clock, DeploymentId, FunctionId, Manifest};
use jelou_engine::{Engine, LaunchSpec, Slot};
use jelou_logs::{Entry, EntryContent, EventEntry, Level, Logs};
use jelou_store::{ArtifactHash, LiveDeployment, Position, Store};
use jelou_token::TokenHash;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex, watch};

pub(crate) use deploy::bundle_of;
pub(crate) use deploy_checks::openapi_of;
pub(crate) use error::ControlError;
pub(crate) use exchange::{ExchangeError, LIFETIME, RequestedToken, sweep_periodically};
pub(crate) use nodes::{REPORT_PERIOD, SelfDescription, reachable};

use self::token_upkeep::Expiring;
use self::unapplied::Unapplied;
use self::upload_budget::UploadBudget;
use crate::call_counts;
use crate::config::TokenRules;
use crate::cron::Cron;
use crate::freshness::Freshness;
use crate::gateway::{Domain, Gateway};
use crate::github::GithubScanning;
use crate::metrics::{Metrics, Traffic};
use crate::oidc::{IdentityIssuer, IssuerKeys};
use crate::registry::{Function, Live, Registry};
use crate::token_usage::TokenCounters;

/// Maximum lifetime of a token in seconds: 10 years.
const MAX_EXPIRES_IN: u64 = 10 * 365 * 24 * 60 * 60;

#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) store: Store,
    pub(crate) registry: Arc<Registry>,
    pub(crate) engine: Engine,
    gateway: Arc<Gateway>,
    pub(crate) domain: Domain,
    pub(crate) clock: Clock,
    pub(crate) uploads: UploadBudget,
    pub(crate) logs: Logs,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) token_counters: Arc<TokenCounters>,
    /// The operator's rules for runtime tokens.
    token_rules: TokenRules,
    pub(crate) expiring_tokens: Expiring,
    pub(crate) cron: Arc<Cron>,
    issuer_keys: IssuerKeys,
    /// `None` if GitHub's webhook is not configured.
    pub(crate) github: Option<GithubScanning>,
    /// Becomes `true` when the server stops.
    pub(crate) stopped: watch::Receiver<bool>,
    changes: Arc<Mutex<()>>,
    /// The position of the registry in the history of the database.
    position: Mutex<Position>,
    unapplied: Unapplied,
    /// The valid exchanged tokens, those for calls with their function.
    exchanged: std::sync::Mutex<HashMap<TokenHash, Option<FunctionId>>>,
    /// `None` before [`Self::with_identity_issuer`].
    identity_issuer: Option<Arc<IdentityIssuer>>,
    freshness: Arc<Freshness>,
    /// Whether this server has started from its local copy, and not reached the database yet.
    started_from_copy: AtomicBool,
    /// Set when the server listens.
    pub(crate) described_self: OnceLock<SelfDescription>,
    /// Whether this server has logged that its clock differs from the database's.
    clock_is_off: AtomicBool,
    /// How far the clock of this server is ahead of the database's.
    clock_offset_ms: AtomicI64,
}

impl Control {
    pub(crate) fn new(
        store: Store,
        engine: Engine,
        gateway: Arc<Gateway>,
        traffic: Arc<Traffic>,
        (token_counters, token_rules): (Arc<TokenCounters>, TokenRules),
        cron: Arc<Cron>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        Self {
            store,
            registry: Arc::clone(&gateway.registry),
            uploads: UploadBudget::new(engine.limits()),
            engine,
            domain: gateway.domain.clone(),
            clock: gateway.clock.clone(),
            logs: gateway.logs.clone(),
            freshness: Arc::clone(&gateway.freshness),
            started_from_copy: AtomicBool::new(false),
            gateway,
            traffic,
            token_counters,
            token_rules,
            expiring_tokens: Expiring::default(),
            cron,
            issuer_keys: IssuerKeys::new(),
            github: None,
            stopped,
            changes: Arc::default(),
            position: Mutex::default(),
            unapplied: Unapplied::default(),
            exchanged: std::sync::Mutex::default(),
            identity_issuer: None,
            described_self: OnceLock::new(),
            clock_is_off: AtomicBool::new(false),
            clock_offset_ms: AtomicI64::new(0),
        }
    }

    pub(crate) fn with_github(mut self, github: Option<GithubScanning>) -> Self {
        self.github = github;
        self
    }

    pub(crate) fn with_identity_issuer(mut self, issuer: Arc<IdentityIssuer>) -> Self {
        self.identity_issuer = Some(issuer);
        self
    }

    /// Sets the position of the state that the caller loads into the registry.
    pub(crate) fn at(mut self, position: Position) -> Self {
        self.position = Mutex::new(position);
        self
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.gateway.metrics
    }

    /// Waits for the previous change, then runs this change to completion.
    async fn change<T, F>(
        self: &Arc<Self>,
        change: impl FnOnce(Arc<Self>) -> F,
    ) -> Result<T, ControlError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ControlError>> + Send + 'static,
    {
        let turn = Arc::clone(&self.changes).lock_owned().await;
        let change = change(Arc::clone(self));
        let task = tokio::spawn(async move {
            let _turn = turn;
            change.await
        });
        task.await.map_err(|_| ControlError::Interrupted)?
    }

    /// Writes an event of the platform to the log of a function.
    fn event(
        &self,
        function: &FunctionId,
        deployment: Option<DeploymentId>,
        event: &'static str,
        message: String,
    ) {
        self.logs.send(Entry {
            function: function.clone(),
            at_ms: self.clock.now_ms(),
            deployment,
            sample: 1.0,
            content: EntryContent::Event(EventEntry {
                level: Level::Info,
                event,
                message,
                request_id: None,
            }),
        });
    }

    /// Waits for the change in progress.
    pub(crate) async fn quiesce(&self) {
        drop(self.changes.lock().await);
    }

    pub(crate) fn live(&self, function: &Function, live: LiveDeployment) -> Live {
        self.new_live(function, live.id, live.artifact_hash, live.manifest)
    }

    pub(crate) fn new_live(
        &self,
        function: &Function,
        deployment: DeploymentId,
        artifact: ArtifactHash,
        manifest: Manifest,
    ) -> Live {
        let manifest = if function.preview.is_some() {
            manifest.of_preview()
        } else {
            manifest
        };
        let slot = self.slot(function, deployment, artifact.to_string(), &manifest);
        self.live_in(function, slot, manifest)
    }

    /// Returns a deployment in a slot that was created for it.
    pub(crate) fn live_in(&self, function: &Function, slot: Slot, manifest: Manifest) -> Live {
        Live::new(manifest, slot, &self.url_of(function))
    }

    /// Returns the same deployment in a new slot, without processes.
    fn with_new_slot(&self, function: &Function, live: &Live) -> Live {
        let spec = live.slot.spec();
        let slot = self.slot(
            function,
            spec.deployment.clone(),
            spec.artifact_hash.clone(),
            &live.manifest,
        );
        live.with_slot(slot)
    }

    pub(crate) fn slot(
        &self,
        function: &Function,
        deployment: DeploymentId,
        artifact_hash: String,
        manifest: &Manifest,
    ) -> Slot {
        let settings = function.settings();
        self.engine.slot(LaunchSpec {
            function: function.id.clone(),
            slug: function.slug.clone(),
            preview: function.preview.as_ref().map(|preview| preview.id.clone()),
            deployment,
            artifact_hash,
            process_env: manifest.env,
            keep_warm: self.kept_warm(manifest),
            logs: manifest.logs,
            egress: settings.egress.clone(),
            limits: Arc::clone(&settings.limits),
        })
    }

    /// Returns how many processes the deployment keeps loaded: `keepWarm`, at most the operator's limit.
    fn kept_warm(&self, manifest: &Manifest) -> usize {
        manifest.keep_warm.min(self.engine.limits().max_keep_warm)
    }

    /// Replaces the processes of the live deployment, so that the next request sees new secrets
    /// and settings.
    fn restart(&self, function: &Function) {
        if let Some(live) = function.live.load_full() {
            self.retire(function.swap_live(self.with_new_slot(function, &live)));
        }
    }

    /// Drains the replaced deployment in the background, and stores its call counts.
    fn retire(&self, replaced: Option<Arc<Live>>) {
        if let Some(live) = replaced {
            let store = self.store.clone();
            tokio::spawn(async move {
                let live = [live];
                // Stores the counts before the drain too, because a rollback may follow before the last call has ended.
                call_counts::store_now(&live, &store).await;
                live[0].slot.retire().await;
                call_counts::store_now(&live, &store).await;
            });
        }
    }

    /// Returns the expiry of a new token.
    fn expiry(
        &self,
        expires_in: Option<u64>,
        expires_at: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, ControlError> {
        match (expires_in, expires_at) {
            (None, None) => Ok(None),
            (Some(seconds), None) => self.expiry_in(seconds).map(Some),
            (None, Some(at)) => self.expiry_at(at).map(Some),
            (Some(_), Some(_)) => Err(ControlError::Invalid {
                detail: "expiresIn and expiresAt exclude each other".to_owned(),
                hint: "send one of them",
            }),
        }
    }

    fn expiry_in(&self, seconds: u64) -> Result<Timestamp, ControlError> {
        if !(1..=MAX_EXPIRES_IN).contains(&seconds) {
            return Err(ControlError::Invalid {
                detail: format!(
                    "expiresIn is {seconds} seconds; it must be 1 to {MAX_EXPIRES_IN} (10 years)"
                ),
                hint: "leave it out for a token that does not expire",
            });
        }
        Ok(self.after(seconds))
    }

    fn expiry_at(&self, at: Timestamp) -> Result<Timestamp, ControlError> {
        let now = self.clock.now();
        if at <= now || at > self.after(MAX_EXPIRES_IN) {
            return Err(ControlError::Invalid {
                detail: format!(
                    "expiresAt is {at}; it must be in the next 10 years, and now is {now:.0}"
                ),
                hint: "leave it out for a token that does not expire",
            });
        }
        Ok(at)
    }

    /// Returns the time in `seconds` from now; at most 10 years.
    fn after(&self, seconds: u64) -> Timestamp {
        let seconds = i64::try_from(seconds.min(MAX_EXPIRES_IN)).unwrap_or_default();
        self.clock.now() + SignedDuration::from_secs(seconds)
    }
}
