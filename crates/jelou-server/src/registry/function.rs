//! A function, its live deployment and its previews, in memory for calls.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use jelou_core::{
    EgressRule, FunctionId, FunctionLimits, FunctionSettings, Limits, Manifest, Slug,
};
use jelou_engine::Slot;
use jelou_store::SecretRecord;

use super::{CallCounter, Preview, Previews, Routes};
use crate::documents::{DeploymentNames, Documents};
use crate::gateway::call_log::CallRate;
use crate::log_limit::LogLimit;
use crate::metrics::FunctionMetrics;

/// A function, from its creation to its deletion, or a preview of a function. A preview has its own deployment, secrets
/// and memory. It uses the tokens, the log and the settings of its function.
#[derive(Debug)]
pub(crate) struct Function {
    /// A preview has the id and the slug of its function.
    pub(crate) id: FunctionId,
    pub(crate) slug: Slug,
    /// `None` for the function itself.
    pub(crate) preview: Option<Preview>,
    pub(crate) previews: Previews,
    /// The live deployment; `None` before the first one. For a preview: the deployment that it serves.
    pub(crate) live: ArcSwapOption<Live>,
    /// Encrypted. Each start of a process decrypts them.
    pub(crate) secrets: ArcSwap<Vec<SecretRecord>>,
    settings: ArcSwap<Settings>,
    /// Rate limit of the log line "call failed".
    pub(crate) failures_logged: LogLimit,
    /// Rate limit of the log line "call refused".
    pub(crate) refusals_logged: LogLimit,
    pub(crate) metrics: FunctionMetrics,
    /// Rate limit of the recorded calls.
    pub(crate) calls_recorded: CallRate,
}

impl Function {
    pub(crate) fn new(
        id: FunctionId,
        slug: Slug,
        secrets: Vec<SecretRecord>,
        settings: Arc<Settings>,
    ) -> Self {
        Self {
            id,
            slug,
            preview: None,
            previews: Previews::default(),
            live: ArcSwapOption::empty(),
            secrets: ArcSwap::from_pointee(secrets),
            settings: ArcSwap::new(settings),
            failures_logged: LogLimit::default(),
            refusals_logged: LogLimit::default(),
            metrics: FunctionMetrics::default(),
            calls_recorded: CallRate::default(),
        }
    }

    /// Creates a preview of the function, without a deployment. `own` are the preview's secrets.
    pub(crate) fn new_preview(&self, preview: Preview, own: Vec<SecretRecord>) -> Self {
        let secrets = preview.secrets(self, own);
        Self {
            preview: Some(preview),
            ..Self::new(self.id.clone(), self.slug.clone(), secrets, self.settings())
        }
    }

    /// Returns the egress rules of the function, and its limits in force.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    pub(crate) fn limits(&self) -> Arc<FunctionLimits> {
        Arc::clone(&self.settings.load().limits)
    }

    pub(crate) fn set_settings(&self, settings: Arc<Settings>) {
        self.settings.store(settings);
    }

    /// Makes a deployment live, and returns the previous one. The caller must drain it.
    pub(crate) fn swap_live(&self, live: Live) -> Option<Arc<Live>> {
        self.live.swap(Some(Arc::new(live)))
    }
}

/// The egress rules of a function, and its limits in force: its own limits, otherwise the server's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) egress: Vec<EgressRule>,
    pub(crate) limits: Arc<FunctionLimits>,
}

impl Settings {
    pub(crate) fn new(server: &Limits, stored: &FunctionSettings) -> Self {
        Self {
            egress: stored.egress.clone(),
            limits: Arc::new(FunctionLimits::new(server, &stored.limits)),
        }
    }
}

/// A live deployment, or the deployment of a preview.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) routes: Arc<Routes>,
    pub(crate) documents: Arc<Documents>,
    pub(crate) slot: Slot,
    pub(crate) calls: Arc<CallCounter>,
    /// Scheme and authority of the function's URL.
    pub(crate) url: String,
}

impl Live {
    /// Creates a live deployment in a slot. `url` is the URL of the function.
    pub(crate) fn new(manifest: Manifest, slot: Slot, url: &str) -> Self {
        let routes = Arc::new(Routes::of(&manifest));
        let spec = slot.spec();
        let names = DeploymentNames {
            slug: spec.slug.as_str(),
            deployment: spec.deployment.as_str(),
            url,
        };
        Self {
            documents: Arc::new(Documents::of(&manifest, names)),
            manifest: Arc::new(manifest),
            routes,
            slot,
            calls: Arc::default(),
            url: url.to_owned(),
        }
    }

    /// Returns the same deployment with new processes, for example after a secret changed.
    pub(crate) fn with_slot(&self, slot: Slot) -> Self {
        Self {
            manifest: Arc::clone(&self.manifest),
            routes: Arc::clone(&self.routes),
            documents: Arc::clone(&self.documents),
            slot,
            calls: Arc::clone(&self.calls),
            url: self.url.clone(),
        }
    }
}
