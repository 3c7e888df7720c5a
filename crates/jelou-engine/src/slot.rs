//! One deployment of a function, ready to run: at most one process, started by the first request that needs it.
//!
//! A deploy or a change of secrets makes a new slot and retires the old one, so nothing inside a slot ever changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use jelou_core::{DeploymentId, FunctionId, Slug};
use tokio::sync::{Mutex, Semaphore};
use zeroize::Zeroizing;

use crate::backoff::Backoff;
use crate::engine::Shared;
use crate::worker::budget::NoRoom;
use crate::worker::in_flight::InFlightRequest;
use crate::worker::lease::Lease;
use crate::worker::load::{Company, Jelou, LoadError, LoadMode, LoadRequest, Memory};
use crate::worker::process::Worker;
use crate::{ArtifactError, LogLine, LogSource};

/// What a process of this slot is given.
#[derive(Debug, Clone)]
pub struct LaunchSpec {
    pub function: FunctionId,
    pub slug: Slug,
    pub deployment: DeploymentId,
    pub artifact_hash: String,
}

#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// A newer slot has taken its place: look the function up again.
    #[error("the slot is retired")]
    Retired,
    #[error(
        "{running} requests are being worked on (limits.max_concurrent_requests) and {queued} wait (limits.max_queued_requests)"
    )]
    Overloaded { running: usize, queued: usize },
    #[error("the function ended {crashes} times in a row; it is started again in {} s", .retry_after.as_secs())]
    BackingOff { crashes: u32, retry_after: Duration },
    #[error(
        "there is no room for another process: those that run work, and have {used_mib} of {limit_mib} MiB (limits.max_workers_memory_mib, or what the machine has left)"
    )]
    NoRoom { used_mib: u64, limit_mib: u64 },
    #[error("cannot read the deployment's artifact: {0}")]
    Artifact(#[from] ArtifactError),
    #[error("cannot decrypt the function's secrets: {0}")]
    Secrets(String),
    #[error("cannot start the function: {0}")]
    Start(#[from] LoadError),
}

#[derive(Debug)]
pub struct Slot {
    spec: LaunchSpec,
    shared: Arc<Shared>,
    worker: ArcSwapOption<Worker>,
    /// Held while a process starts, so that a burst of first requests starts one.
    starting: Mutex<Backoff>,
    retired: AtomicBool,
    running: Arc<Semaphore>,
    queued: AtomicUsize,
}

impl From<NoRoom> for LeaseError {
    fn from(
        NoRoom {
            used_mib,
            limit_mib,
        }: NoRoom,
    ) -> Self {
        Self::NoRoom {
            used_mib,
            limit_mib,
        }
    }
}

impl Slot {
    pub(crate) fn new(shared: Arc<Shared>, spec: LaunchSpec) -> Self {
        Self {
            running: Arc::new(Semaphore::new(shared.limits.max_concurrent_requests)),
            spec,
            shared,
            worker: ArcSwapOption::empty(),
            starting: Mutex::default(),
            retired: AtomicBool::new(false),
            queued: AtomicUsize::new(0),
        }
    }

    pub fn spec(&self) -> &LaunchSpec {
        &self.spec
    }

    /// A hold on a running process, started if there is none.
    pub async fn lease(&self, request: InFlightRequest) -> Result<Lease, LeaseError> {
        let permit = self.permit().await?;
        let worker = self.leased_worker().await?;
        let idle_timeout = self.shared.limits.stream_idle_timeout();
        Ok(Lease::new(worker, permit, request, idle_timeout))
    }

    /// Takes no more requests; ends the process when those in flight are done.
    pub async fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
        // A process that is just starting is seen by whoever waited for the start.
        let starting = self.starting.lock().await;
        let worker = self.worker.swap(None);
        drop(starting);
        if let Some(worker) = worker {
            worker.drain(self.shared.limits.drain_timeout()).await;
        }
    }

    async fn permit(&self) -> Result<tokio::sync::OwnedSemaphorePermit, LeaseError> {
        if let Ok(permit) = Arc::clone(&self.running).try_acquire_owned() {
            return Ok(permit);
        }
        let limits = &self.shared.limits;
        let queued = Queued::enter(&self.queued);
        if queued.position > limits.max_queued_requests {
            return Err(LeaseError::Overloaded {
                running: limits.max_concurrent_requests,
                queued: limits.max_queued_requests,
            });
        }
        // The semaphore lives as long as the slot and is never closed.
        Arc::clone(&self.running)
            .acquire_owned()
            .await
            .map_err(|_| LeaseError::Retired)
    }

    async fn leased_worker(&self) -> Result<Arc<Worker>, LeaseError> {
        if let Some(worker) = self.open_worker() {
            return Ok(worker);
        }
        let mut backoff = self.starting.lock().await;
        if let Some(worker) = self.open_worker() {
            return Ok(worker);
        }
        if let Some(ended) = self.worker.swap(None).filter(|worker| worker.has_crashed()) {
            backoff.crashed(ended.age());
        }
        if self.retired.load(Ordering::SeqCst) {
            return Err(LeaseError::Retired);
        }
        backoff.check()?;
        let started = self.start().await;
        if matches!(started, Err(LeaseError::Start(_))) {
            backoff.crashed(Duration::ZERO);
        }
        let worker = started?;
        self.worker.store(Some(Arc::clone(&worker)));
        Ok(worker)
    }

    fn open_worker(&self) -> Option<Arc<Worker>> {
        self.worker.load_full().filter(|worker| worker.try_lease())
    }

    async fn start(&self) -> Result<Arc<Worker>, LeaseError> {
        let spec = &self.spec;
        let bundle = self.shared.artifacts.bundle(&spec.artifact_hash)?;
        let secrets: BTreeMap<String, Zeroizing<String>> = self
            .shared
            .host
            .secrets(&spec.slug)
            .map_err(LeaseError::Secrets)?;
        let blank = self.shared.pool.take(&self.shared).await?;
        let egress = blank.egress_socket();
        let source = LogSource {
            function: spec.slug.clone(),
            deployment: spec.deployment.clone(),
        };
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
        let served = blank
            .serve(&self.shared, &request, &spec.function, source.clone())
            .await;
        self.shared.pool.refill();
        match served {
            Ok(worker) => {
                self.shared.running.add(&worker);
                Ok(worker)
            }
            Err(error) => {
                let stack = match &error {
                    LoadError::Refused {
                        stack: Some(stack), ..
                    } => stack.clone(),
                    other => other.to_string(),
                };
                self.shared.host.log(&source, LogLine::Engine(stack));
                Err(error.into())
            }
        }
    }
}

/// A place in the queue, given back however the wait ends.
struct Queued<'a> {
    queue: &'a AtomicUsize,
    position: usize,
}

impl<'a> Queued<'a> {
    fn enter(queue: &'a AtomicUsize) -> Self {
        Self {
            queue,
            position: queue.fetch_add(1, Ordering::AcqRel) + 1,
        }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.queue.fetch_sub(1, Ordering::AcqRel);
    }
}
