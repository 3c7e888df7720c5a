//! The processes of one deployment: usually none or one, and more of them while one does not get through its work.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use jelou_core::seldom;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use crate::LogLine;
use crate::artifacts::stack_trace;
use crate::engine::Shared;
use crate::fleet::backoff::Backoff;
use crate::logs::forward::Forward;
use crate::scaling::{Change, Load, Scaling};
use crate::slot::{LaunchSpec, LeaseError};
use crate::turns::Turns;
use crate::worker::load::{Company, Jelou, LoadError, LoadMode, LoadRequest, Memory};
use crate::worker::process::{Counted, Worker};
use jelou_sandbox::CpuShare;

#[derive(Debug)]
pub(crate) struct Processes {
    pub(crate) spec: LaunchSpec,
    pub(crate) shared: Arc<Shared>,
    workers: ArcSwap<Vec<Arc<Worker>>>,
    /// Held while the workers change, so that a burst of first requests starts one.
    changing: Arc<Mutex<Backoff>>,
    /// Told when the slot takes no more requests.
    retired: watch::Sender<bool>,
    /// Requests that may be worked on at a time.
    pub(crate) turns: Turns,
    scaling: SyncMutex<Scaling>,
}

impl Processes {
    pub(crate) fn new(shared: Arc<Shared>, spec: LaunchSpec) -> Self {
        let turns = Turns::new(shared.limits.max_concurrent_requests);
        Self {
            spec,
            shared,
            workers: ArcSwap::default(),
            changing: Arc::default(),
            retired: watch::Sender::default(),
            turns,
            scaling: SyncMutex::default(),
        }
    }

    /// A worker that has counted a request in; it is started if there is none.
    pub(crate) async fn lease(self: &Arc<Self>) -> Result<Counted, LeaseError> {
        match self.lease_running() {
            Some(worker) => Ok(worker),
            None => seldom(|| self.lease_started()).await,
        }
    }

    /// A start goes on to its end when the caller who asked for it has gone: the next one finds the process, or that the
    /// function does not start. And a thread that has calls to pass on does nothing for it but wait.
    async fn lease_started(self: &Arc<Self>) -> Result<Counted, LeaseError> {
        let mut backoff = Arc::clone(&self.changing).lock_owned().await;
        if let Some(worker) = self.lease_running() {
            return Ok(worker);
        }
        let own = Arc::clone(self);
        let starting = async move { own.start_one(&mut backoff).await };
        self.shared
            .runtime
            .spawn(starting)
            .await
            .unwrap_or_else(|error| Err(LeaseError::Process(LoadError::Died(error.to_string()))))
    }

    fn lease_running(&self) -> Option<Counted> {
        let workers = self.workers.load();
        let preferred = less_busy(&workers)?;
        preferred
            .try_lease()
            .or_else(|| workers.iter().find_map(Worker::try_lease))
    }

    /// Takes no more requests; ends the processes when those in flight are done.
    pub(crate) async fn retire(&self) {
        self.retired.send_replace(true);
        self.turns.close();
        // A process that is just starting is seen by whoever waited for the start.
        let changing = self.changing.lock().await;
        let workers = self.workers.swap(Arc::default());
        drop(changing);
        let timeout = self.shared.limits.drain_timeout();
        let mut draining = JoinSet::new();
        for worker in workers.iter().map(Arc::clone) {
            draining.spawn(async move { worker.drain(timeout).await });
        }
        while draining.join_next().await.is_some() {}
    }

    /// Forgets the processes that have ended, and gives the function another one or takes one away, as its load wants.
    /// `free_percent`, of one core, is what the machine has left.
    pub(crate) fn care(self: Arc<Self>, free_percent: u32) {
        let workers = self.workers.load_full();
        if workers.is_empty() {
            return;
        }
        let ended = workers.iter().any(|worker| !worker.is_open());
        let loads: Vec<_> = workers.iter().map(|worker| load_of(worker)).collect();
        let change = self
            .scaling
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .look(&loads, self.most(), free_percent);
        if !ended && change == Change::Keep {
            return;
        }
        tokio::spawn(async move {
            // Somebody who holds it changes the workers already.
            let Ok(mut backoff) = self.changing.try_lock() else {
                return;
            };
            self.forget_ended(&mut backoff);
            match change {
                Change::Keep => {}
                Change::OneMore => self.add_one(&mut backoff).await,
                Change::OneLess => self.take_one_away(&mut backoff),
            }
        });
    }

    fn most(&self) -> NonZero<usize> {
        let limit = self.shared.limits.max_processes_per_function;
        NonZero::new(limit.unwrap_or_else(jelou_sandbox::cores)).unwrap_or(NonZero::<usize>::MIN)
    }

    /// Beside those that run, if there is memory that nobody has to give up.
    async fn add_one(&self, backoff: &mut Backoff) {
        let function = &self.spec.slug;
        if self.shared.budget.try_room().is_none() {
            let reason = self.shared.budget.reason();
            tracing::debug!(%function, reason, "there is no room for another process of a busy function");
            return;
        }
        match self.start_one(backoff).await {
            Ok(_) => {
                let processes = self.workers.load().len();
                tracing::info!(%function, processes, "a busy function has another process");
            }
            // A deploy came in between.
            Err(LeaseError::Retired) => {}
            Err(error) => {
                tracing::warn!(%function, %error, "cannot start another process of a busy function");
            }
        }
    }

    /// One that has nothing to do. If there is none, the function is not that quiet.
    fn take_one_away(&self, backoff: &mut Backoff) {
        let workers = self.workers.load_full();
        if workers.len() > 1
            && workers
                .iter()
                .rev()
                .any(|worker| worker.end_if_idle(Duration::ZERO))
        {
            self.forget_ended(backoff);
        }
    }

    fn forget_ended(&self, backoff: &mut Backoff) {
        let (open, ended): (Vec<_>, Vec<_>) = Vec::clone(&self.workers.load())
            .into_iter()
            .partition(|worker| worker.is_open());
        for crashed in ended.iter().filter(|worker| worker.has_crashed()) {
            backoff.crashed(crashed.age());
        }
        if !ended.is_empty() {
            self.set(open);
        }
    }

    /// Each process brings turns for its requests, and takes them with it.
    fn set(&self, workers: Vec<Arc<Worker>>) {
        let turns = workers.len().max(1) * self.shared.limits.max_concurrent_requests;
        self.turns.set(turns);
        self.workers.store(Arc::new(workers));
    }

    async fn start_one(&self, backoff: &mut Backoff) -> Result<Counted, LeaseError> {
        self.forget_ended(backoff);
        if *self.retired.borrow() {
            return Err(LeaseError::Retired);
        }
        backoff.check()?;
        let started = self.start(backoff.share()).await;
        if matches!(started, Err(LeaseError::Start(_))) {
            backoff.crashed(Duration::ZERO);
        }
        let worker = started?;
        let mut workers = Vec::clone(&self.workers.load());
        workers.push(Arc::clone(&worker));
        self.set(workers);
        Ok(worker)
    }

    async fn start(&self, share: CpuShare) -> Result<Counted, LeaseError> {
        let spec = &self.spec;
        let bundle = self.shared.artifacts.bundle(&spec.artifact_hash)?;
        let secrets: BTreeMap<String, Zeroizing<String>> = self
            .shared
            .host
            .secrets(&spec.slug)
            .map_err(LeaseError::Secrets)?;
        let mut retired = self.retired.subscribe();
        let blank = tokio::select! {
            blank = self.shared.pool.take(&self.shared, share) => blank?,
            // It has nothing of the function yet.
            _ = retired.wait_for(|retired| *retired) => return Err(LeaseError::Retired),
        };
        let egress = blank.egress_socket();
        let request = LoadRequest {
            mode: LoadMode::Serve,
            bundle: &bundle,
            function_slug: &spec.slug,
            function_id: Some(&spec.function),
            deployment_id: Some(&spec.deployment),
            company: Some(Company {
                id: &self.shared.company.id,
                name: &self.shared.company.name,
            }),
            env: secrets
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect(),
            functions_domain: &self.shared.functions_domain,
            egress_socket: Some(&egress),
            log_line_bytes: self.shared.limits.max_log_line_bytes,
            memory: Some(Memory {}),
            jelou: self.shared.jelou.as_ref().map(|jelou| Jelou {
                base_url: &jelou.base_url,
                api_key: &jelou.api_key,
            }),
        };
        let forward = Forward::new(&self.shared, spec);
        let served = blank
            .serve(
                &self.shared,
                &request,
                &spec.function,
                forward.clone(),
                share,
            )
            .await;
        self.shared.pool.refill();
        match served {
            Ok(worker) => {
                self.shared.running.add(&worker);
                Ok(worker)
            }
            Err(error) => {
                let said = match &error {
                    LoadError::Refused {
                        stack: Some(stack), ..
                    } => stack.clone(),
                    other => other.to_string(),
                };
                let said = forward.readable(said, stack_trace::rewrite).await;
                forward.run(said.as_bytes(), LogLine::Engine).await;
                Err(LeaseError::Start(error))
            }
        }
    }
}

fn load_of(worker: &Worker) -> Load {
    Load {
        running_percent: worker.running_percent.load(Ordering::Relaxed),
        waiting_percent: worker.waiting_percent.load(Ordering::Relaxed),
        in_flight: worker.load(),
    }
}

/// Of two neighbours, another pair each time, the one with fewer requests: as good as to look at all of them, and the
/// cost does not grow with their number.
fn less_busy(workers: &[Arc<Worker>]) -> Option<&Arc<Worker>> {
    if workers.len() < 2 {
        return workers.first();
    }
    thread_local! {
        static TURN: Cell<usize> = const { Cell::new(0) };
    }
    let turn = TURN.replace(TURN.get().wrapping_add(1));
    let one = &workers[turn % workers.len()];
    let other = &workers[turn.wrapping_add(1) % workers.len()];
    Some(if other.load() < one.load() {
        other
    } else {
        one
    })
}
