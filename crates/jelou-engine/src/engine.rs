//! The engine of one server: what all its slots share, and the care for idle processes.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use jelou_core::{DeploymentId, Limits, Slug};
use tokio::net::UnixStream;
use tokio::sync::{OnceCell, Semaphore};
use zeroize::Zeroizing;

use crate::assets::Assets;
use crate::sandbox::{LayerStatus, ProcessUser, Sandbox, SandboxConfig, SandboxError};
use crate::slot::{LaunchSpec, Slot};
use crate::worker::command;
use crate::worker::pool::{self, Pool};
use crate::worker::process::Worker;
use crate::worker::spawner::Spawner;
use crate::{ArtifactCache, Deno};

/// Builds that run at a time; more wait.
const CONCURRENT_BUILDS: usize = 2;

/// What the engine needs from the server around it.
pub trait Host: fmt::Debug + Send + Sync {
    /// A connection that a function makes to the platform's own functions domain.
    fn egress(&self, stream: UnixStream, caller: Caller);

    /// A line that a function, or its process, wrote.
    fn log(&self, source: &LogSource, line: LogLine);

    /// The decrypted secrets of a function, for the memory of its own process.
    fn secrets(&self, function: &Slug) -> Result<BTreeMap<String, Zeroizing<String>>, String>;
}

/// The function that a connection on an egress socket comes from.
#[derive(Debug, Clone)]
pub struct Caller {
    pub function: Slug,
    pub(crate) worker: Arc<Worker>,
}

impl Caller {
    /// Calls already made in the chain that a call on behalf of this request continues.
    pub fn hops_of(&self, parent_request: Option<&str>) -> u32 {
        self.worker.in_flight.hops_of(parent_request)
    }
}

#[derive(Debug, Clone)]
pub struct LogSource {
    pub function: Slug,
    pub deployment: DeploymentId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogLine {
    /// A line on stdout: one JSON object by the SDK, or whatever the function wrote past it.
    Output(String),
    /// Deno's own words on stderr, or the reason why the function did not start.
    Engine(String),
    /// The process ended by itself.
    Died(String),
    /// The process was ended because it broke a limit; the text names it.
    Breach(String),
    /// More lines came than may be written.
    Dropped { lines: u64, lines_per_second: u64 },
}

#[derive(Debug, Clone)]
pub struct EngineConfig {
    pub deno: Deno,
    /// Folder for the npm cache and the SDK's assets.
    pub cache_dir: PathBuf,
    pub artifacts: ArtifactCache,
    /// Folder for the workers' sockets; emptied at start.
    pub run_dir: PathBuf,
    pub limits: Limits,
    pub sandbox: SandboxConfig,
    /// Host suffix of function URLs, without a port.
    pub functions_domain: String,
    pub company: CompanyInfo,
}

/// Whom the functions of this server belong to; functions read it as `ctx.company`.
#[derive(Debug, Clone)]
pub struct CompanyInfo {
    pub id: String,
    pub name: String,
}

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(
        "the folder for the workers' sockets, `{path}`, is too long: a unix socket's path may have 107 bytes (unix(7))"
    )]
    RunDirTooLong { path: PathBuf },
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What every slot and build uses.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) deno: Deno,
    pub(crate) assets: Assets,
    pub(crate) artifacts: ArtifactCache,
    pub(crate) cache_dir: PathBuf,
    pub(crate) limits: Limits,
    pub(crate) functions_domain: String,
    pub(crate) company: CompanyInfo,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) sandbox: Sandbox,
    pub(crate) spawner: Spawner,
    pub(crate) builds: Semaphore,
    pub(crate) pool: Arc<Pool>,
    /// Bytes of data of a blank worker.
    pub(crate) data_baseline: OnceCell<u64>,
    run_dir: PathBuf,
    worker_numbers: AtomicU64,
    workers: Mutex<Vec<Weak<Worker>>>,
}

impl Shared {
    /// Folder and user of the next worker.
    pub(crate) fn next_worker(&self) -> (PathBuf, Option<ProcessUser>) {
        let number = self.worker_numbers.fetch_add(1, Ordering::Relaxed);
        (
            self.run_dir.join(number.to_string()),
            self.sandbox.user(number),
        )
    }

    pub(crate) fn run_dir(&self) -> &std::path::Path {
        &self.run_dir
    }

    /// The cache of packages that builds share; no worker sees it.
    pub(crate) fn npm_cache(&self) -> PathBuf {
        self.cache_dir.join("deno")
    }

    /// The bundler, where `deno bundle` looks for it.
    pub(crate) fn bundler(&self) -> PathBuf {
        bundler_in(&self.npm_cache())
    }

    /// Puts a worker under the care for idle processes.
    pub(crate) fn track(&self, worker: &Arc<Worker>) {
        self.workers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::downgrade(worker));
    }

    fn end_idle_workers(&self) {
        let timeout = self.limits.idle_timeout();
        self.workers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|worker| {
                worker
                    .upgrade()
                    .is_some_and(|worker| worker.is_open() && !worker.end_if_idle(timeout))
            });
    }
}

#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

impl Engine {
    /// Must be called inside a tokio runtime.
    pub fn start(config: EngineConfig, host: Arc<dyn Host>) -> Result<Self, EngineError> {
        let EngineConfig {
            deno,
            cache_dir,
            artifacts,
            run_dir,
            limits,
            sandbox,
            functions_domain,
            company,
        } = config;
        // Room for the worker's number and the names below it.
        if run_dir.as_os_str().len() > 80 {
            return Err(EngineError::RunDirTooLong { path: run_dir });
        }
        reset_run_dir(&run_dir)?;
        fs_err::create_dir_all(&cache_dir)?;
        let sandbox = Sandbox::detect(sandbox, &run_dir)?;
        for layer in sandbox.layers().iter().filter(|layer| !layer.active) {
            tracing::warn!(layer = %layer.layer, reason = layer.reason, "a layer of the sandbox is missing");
        }
        let assets = Assets::write(&cache_dir)?;
        provide_bundler(&deno, &cache_dir.join("deno"))?;
        if let Some(builder) = sandbox.builder() {
            command::make_passable(&cache_dir)?;
            builder.own_all(&cache_dir.join("deno"))?;
        }
        let shared = Arc::new(Shared {
            deno,
            assets,
            artifacts,
            cache_dir,
            limits,
            functions_domain,
            company,
            host,
            sandbox,
            spawner: Spawner::start()?,
            builds: Semaphore::new(CONCURRENT_BUILDS),
            pool: Arc::default(),
            data_baseline: OnceCell::new(),
            run_dir,
            worker_numbers: AtomicU64::new(0),
            workers: Mutex::default(),
        });
        tokio::spawn(care_for_idle(Arc::downgrade(&shared)));
        tokio::spawn(pool::keep_filled(Arc::downgrade(&shared)));
        Ok(Self { shared })
    }

    pub fn slot(&self, spec: LaunchSpec) -> Slot {
        Slot::new(Arc::clone(&self.shared), spec)
    }

    /// Ends the processes that wait for a function; those that have one end with their slot.
    pub fn shut_down(&self) {
        self.shared.pool.clear();
    }

    pub fn artifacts(&self) -> &ArtifactCache {
        &self.shared.artifacts
    }

    /// Which of the kernel's walls stand.
    pub fn sandbox_layers(&self) -> &[LayerStatus] {
        self.shared.sandbox.layers()
    }

    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }
}

/// Puts the pinned bundler where `deno bundle` looks for it, so that no build has to fetch it.
fn provide_bundler(deno: &Deno, npm_cache: &std::path::Path) -> std::io::Result<()> {
    let target = bundler_in(npm_cache);
    if let Some(folder) = target.parent() {
        fs_err::create_dir_all(folder)?;
    }
    match &deno.bundler {
        Some(bundler) if !target.is_file() => fs_err::hard_link(bundler, &target)
            .or_else(|_| fs_err::copy(bundler, &target).map(drop)),
        _ => Ok(()),
    }
}

fn bundler_in(npm_cache: &std::path::Path) -> PathBuf {
    npm_cache
        .join(crate::deno::bundler_cache_dir())
        .join(crate::deno::bundler_cache_name())
}

async fn care_for_idle(shared: Weak<Shared>) {
    let Some(timeout) = shared.upgrade().map(|shared| shared.limits.idle_timeout()) else {
        return;
    };
    let period = (timeout / 4).clamp(Duration::from_millis(50), Duration::from_secs(5));
    loop {
        tokio::time::sleep(period).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        shared.end_idle_workers();
    }
}

/// Empties what an earlier server left behind, and makes the folder private.
fn reset_run_dir(run_dir: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    match fs_err::remove_dir_all(run_dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o711)
        .create(run_dir)
}
