//! The processes of one deployment: usually none or one, more under load.

use std::cell::Cell;
use std::num::NonZero;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jelou_core::{EgressRule, Limits, cold_future};
use serde_json::{Map, Value};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OnceCell, watch};
use tokio::task::JoinSet;

use super::admission::Admission;
use super::backoff::Backoff;
use super::error::LeaseError;
use super::instance::{Instance, RequestInWorker};
use super::scaling::{Load, Scaling, ScalingDecision};
use super::spec::LaunchSpec;
use super::starter::{FunctionStarter, Reason};
use crate::artifacts::{Unpacked, stack_trace};
use crate::worker::{LoadError, Loaded, OpenRule, Worker};

/// The processes of one deployment. Selects the process of each request, and starts and ends processes.
#[derive(Debug)]
pub(crate) struct Processes {
    pub(crate) spec: LaunchSpec,
    starter: Arc<FunctionStarter>,
    /// The files of the artifact, unpacked by the first start.
    files: OnceCell<Arc<Unpacked>>,
    instances: ArcSwap<Vec<Arc<Instance>>>,
    /// Locked while the instances change, so that a burst of first requests starts only one process.
    changing: Arc<Mutex<Backoff>>,
    /// Set when the slot accepts no more requests.
    retired: watch::Sender<bool>,
    pub(super) admission: Arc<Admission>,
    scaling: SyncMutex<Scaling>,
}

impl Processes {
    pub(crate) fn new(starter: Arc<FunctionStarter>, mut spec: LaunchSpec) -> Self {
        let max = max_processes(&starter.launcher.limits).get();
        spec.keep_warm = spec.keep_warm.min(max);
        // If only the secrets have changed, the previous slot has already unpacked the files.
        let files = starter.unpacked.known(&spec.artifact_hash);
        let admission = Arc::new(Admission::new(Arc::clone(&spec.limits)));
        Self {
            spec,
            starter,
            files: OnceCell::new_with(files),
            instances: ArcSwap::default(),
            changing: Arc::default(),
            retired: watch::Sender::default(),
            admission,
            scaling: SyncMutex::default(),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.spec.limits
    }

    /// Adds a request to a process. Starts a process if there is none.
    pub(super) async fn enter(self: &Arc<Self>) -> Result<(RequestInWorker, Start), LeaseError> {
        match self.enter_running() {
            Some(entered) => Ok((entered, Start::Warm)),
            None => {
                let since = Instant::now();
                let entered = cold_future(|| self.enter_started()).await?;
                Ok((entered, Start::Cold(since.elapsed())))
            }
        }
    }

    /// Starts a process in its own task. The start completes even if the caller disconnects, so that the next caller
    /// finds the process, or the back-off.
    async fn enter_started(self: &Arc<Self>) -> Result<RequestInWorker, LeaseError> {
        let mut backoff = Arc::clone(&self.changing).lock_owned().await;
        if let Some(entered) = self.enter_running() {
            return Ok(entered);
        }
        let own = Arc::clone(self);
        let starting = async move { own.start_one(&mut backoff, "a call found none").await };
        self.starter
            .launcher
            .runtime
            .spawn(starting)
            .await
            .unwrap_or_else(|error| Err(LeaseError::Process(LoadError::Died(error.to_string()))))
    }

    /// Replaces positions in the bundle by positions in the function's source files.
    pub(super) async fn readable(&self, text: String) -> String {
        let map = self.starter.source_maps.of(&self.spec.artifact_hash).await;
        stack_trace::rewrite(&text, map.as_deref())
    }

    /// Returns the number of processes that accept requests.
    pub(super) fn running(&self) -> usize {
        let instances = self.instances.load();
        instances
            .iter()
            .filter(|instance| instance.worker.is_open())
            .count()
    }

    /// Returns the load of the deployment's processes.
    pub(super) fn load(&self) -> SlotLoad {
        let mut load = SlotLoad {
            waiting: self.admission.waiting(),
            streams: self.admission.streams().open,
            ..SlotLoad::default()
        };
        for instance in self.instances.load().iter() {
            let worker = &instance.worker;
            load.processes += usize::from(worker.is_open());
            load.memory_bytes += worker.charge.bytes();
            load.in_flight += worker.usage.count();
        }
        load
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.starter.launcher.runtime
    }

    /// Returns whether the memory of another process fits without an eviction.
    pub(super) fn has_room(&self) -> bool {
        self.starter.launcher.budget.try_charge().is_some()
    }

    /// Starts a process, regardless of the number of running processes.
    pub(super) async fn start_another(&self) -> Result<RequestInWorker, LeaseError> {
        let mut backoff = self.changing.lock().await;
        self.start_one(&mut backoff, "a deployment takes over")
            .await
    }

    /// Starts the first process and reads the function's manifest from it.
    pub(super) async fn start_described(
        &self,
        settings: &Map<String, Value>,
    ) -> Result<(RequestInWorker, Loaded), LeaseError> {
        let mut backoff = self.changing.lock().await;
        self.start_for(&mut backoff, Reason::Describe(settings))
            .await
    }

    fn enter_running(&self) -> Option<RequestInWorker> {
        let instances = self.instances.load();
        let preferred = less_busy(&instances)?;
        preferred
            .try_enter()
            .or_else(|| instances.iter().find_map(Instance::try_enter))
    }

    /// Accepts no more requests, waits for the requests in flight, then ends the processes.
    pub(super) async fn retire(&self) {
        self.retired.send_replace(true);
        self.admission.close();
        // If a process is being started, waits until it has started.
        let changing = self.changing.lock().await;
        let instances = self.instances.swap(Arc::default());
        drop(changing);
        let mut draining = JoinSet::new();
        for instance in instances.iter().map(Arc::clone) {
            let launcher = Arc::clone(&self.starter.launcher);
            draining.spawn(async move { instance.worker.drain(&launcher.limits).await });
        }
        while draining.join_next().await.is_some() {}
    }

    /// Removes instances that have ended, scales by load, and starts processes that stay loaded. `free_percent` is the
    /// machine's free processor time, in percent of one core.
    pub(super) fn maintain(self: Arc<Self>, free_percent: u32) {
        let instances = self.instances.load_full();
        let kept = self.spec.keep_warm;
        if instances.is_empty() && (kept == 0 || *self.retired.borrow()) {
            return;
        }
        let ended = instances.iter().any(|instance| !instance.worker.is_open());
        let loads: Vec<_> = instances
            .iter()
            .map(|instance| load_of(&instance.worker))
            .collect();
        let decision = self
            .scaling
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .decide(
                &loads,
                self.admission.streams(),
                self.max_processes(),
                free_percent,
            );
        if !ended && decision == ScalingDecision::Keep && instances.len() >= kept {
            return;
        }
        tokio::spawn(async move {
            // If another task has the lock, that task is changing the instances.
            let Ok(mut backoff) = self.changing.try_lock() else {
                return;
            };
            self.remove_ended(&mut backoff);
            match decision {
                ScalingDecision::Keep => {}
                ScalingDecision::OneMore => self.scale_up(&mut backoff).await,
                ScalingDecision::OneLess => self.scale_down(&mut backoff),
            }
            self.keep_warm(&mut backoff).await;
        });
    }

    /// Drains processes that cannot reach the new address of a host name in the egress rules. Later requests start new
    /// processes.
    pub(super) async fn replace_outdated(&self) {
        let instances = self.instances.load_full();
        let rules = || self.starter.egress(&self.spec);
        if instances.is_empty() || !rules().any(EgressRule::is_name) {
            return;
        }
        let now = OpenRule::resolve_all(rules(), self.starter.launcher.families()).await;
        for instance in instances
            .iter()
            .filter(|instance| instance.worker.is_open())
        {
            let Some(moved) = instance.worker.terms.openings.outdated_by(&now) else {
                continue;
            };
            tracing::info!(function = %self.spec.slug, moved, "a process is replaced, because it cannot reach a new address");
            let (instance, limits) = (Arc::clone(instance), Arc::clone(&self.spec.limits));
            self.runtime()
                .spawn(async move { instance.worker.drain(&limits).await });
        }
    }

    pub(super) fn max_processes(&self) -> NonZero<usize> {
        max_processes(self.limits())
    }

    /// Starts another process, if its memory fits without an eviction.
    async fn scale_up(&self, backoff: &mut Backoff) {
        let function = &self.spec.slug;
        let budget = &self.starter.launcher.budget;
        if !self.has_room() {
            let reason = budget.reason();
            tracing::debug!(%function, reason, "there is no memory for another process of a busy function");
            return;
        }
        match self.start_one(backoff, "the others are busy").await {
            Ok(_) => {
                let processes = self.instances.load().len();
                tracing::info!(%function, processes, "a busy function has another process");
            }
            // A deploy has replaced the slot in the meantime.
            Err(LeaseError::Retired) => {}
            Err(error) => {
                tracing::warn!(%function, %error, "cannot start another process of a busy function");
            }
        }
    }

    /// Starts one process if there are fewer than `keep_warm`, and its memory fits without an eviction.
    async fn keep_warm(&self, backoff: &mut Backoff) {
        let has_room = self.starter.pool.has_ready() || self.has_room();
        if self.instances.load().len() >= self.spec.keep_warm || !has_room {
            return;
        }
        match self.start_one(backoff, "keepWarm").await {
            Ok(_) | Err(LeaseError::Retired | LeaseError::BackingOff { .. }) => {}
            Err(error) => {
                if !matches!(error, LeaseError::Start(_)) {
                    backoff.crashed(Duration::ZERO);
                }
                let function = &self.spec.slug;
                tracing::warn!(%function, %error, "cannot start a process that stays loaded (keepWarm)");
            }
        }
    }

    /// Ends one idle process, if there is one.
    fn scale_down(&self, backoff: &mut Backoff) {
        let instances = self.instances.load_full();
        if instances.len() > self.spec.keep_warm.max(1)
            && instances
                .iter()
                .rev()
                .any(|instance| instance.worker.end_if_idle(Duration::ZERO))
        {
            self.remove_ended(backoff);
        }
    }

    fn remove_ended(&self, backoff: &mut Backoff) {
        let (open, ended): (Vec<_>, Vec<_>) = Vec::clone(&self.instances.load())
            .into_iter()
            .partition(|instance| instance.worker.is_open());
        let crashed = ended.iter().map(|instance| &instance.worker);
        for crashed in crashed.filter(|worker| worker.has_crashed()) {
            backoff.crashed(crashed.usage.age());
        }
        if !ended.is_empty() {
            self.set(open);
        }
    }

    /// Replaces the list of instances. Also sets the number of permits, and which of the instances stay loaded.
    fn set(&self, instances: Vec<Arc<Instance>>) {
        for (index, instance) in instances.iter().enumerate() {
            let stays_loaded = index < self.spec.keep_warm;
            instance
                .worker
                .stays_loaded
                .store(stays_loaded, Ordering::Relaxed);
        }
        self.admission.set_processes(instances.len());
        self.instances.store(Arc::new(instances));
    }

    async fn start_one(
        &self,
        backoff: &mut Backoff,
        why: &'static str,
    ) -> Result<RequestInWorker, LeaseError> {
        let (entered, _) = self.start_for(backoff, Reason::Serve(why)).await?;
        Ok(entered)
    }

    async fn start_for(
        &self,
        backoff: &mut Backoff,
        reason: Reason<'_>,
    ) -> Result<(RequestInWorker, Loaded), LeaseError> {
        self.remove_ended(backoff);
        if *self.retired.borrow() {
            return Err(LeaseError::Retired);
        }
        backoff.check()?;
        let unpacked = self.starter.unpacked.of(&self.spec.artifact_hash);
        let files = self.files.get_or_try_init(|| unpacked).await?;
        let mut retired = self.retired.subscribe();
        let started = self
            .starter
            .start(&self.spec, files, backoff.share(), reason, &mut retired)
            .await;
        if matches!(started, Err(LeaseError::Start(_))) {
            backoff.crashed(Duration::ZERO);
        }
        let (entered, loaded) = started?;
        let mut instances = Vec::clone(&self.instances.load());
        instances.push(entered.instance());
        self.set(instances);
        Ok((entered, loaded))
    }
}

fn max_processes(limits: &Limits) -> NonZero<usize> {
    let limit = limits.max_processes_per_function;
    NonZero::new(limit.unwrap_or_else(jelou_sandbox::cores)).unwrap_or(NonZero::<usize>::MIN)
}

/// The current load of a deployment's processes.
#[derive(Debug, Clone, Copy, Default)]
pub struct SlotLoad {
    pub processes: usize,
    /// Private memory of the processes, in bytes.
    pub memory_bytes: u64,
    /// Number of requests in the processes, including streams.
    pub in_flight: usize,
    /// Number of calls that wait for a permit.
    pub waiting: usize,
    /// Number of open response streams and WebSocket connections.
    pub streams: usize,
}

/// Whether a request waited for the start of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Warm,
    /// How long the request has waited for the start.
    Cold(Duration),
}

fn load_of(worker: &Worker) -> Load {
    Load {
        running_percent: worker.running_percent.load(Ordering::Relaxed),
        waiting_percent: worker.waiting_percent.load(Ordering::Relaxed),
        in_flight: worker.usage.count(),
    }
}

/// Selects an instance: compares two neighbours, a different pair each time, and returns the one with fewer requests.
/// This balances as well as a comparison of all instances, at a constant cost.
fn less_busy(instances: &[Arc<Instance>]) -> Option<&Arc<Instance>> {
    if instances.len() < 2 {
        return instances.first();
    }
    thread_local! {
        static NEXT: Cell<usize> = const { Cell::new(0) };
    }
    let next = NEXT.replace(NEXT.get().wrapping_add(1));
    let one = &instances[next % instances.len()];
    let other = &instances[next.wrapping_add(1) % instances.len()];
    Some(if other.worker.usage.count() < one.worker.usage.count() {
        other
    } else {
        one
    })
}
