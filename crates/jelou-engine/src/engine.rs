//! The engine of one server: what all its slots share.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::Permissions;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ipnet::Ipv4Net;
use jelou_core::{DeploymentId, FunctionId, Limits, Slug};
use tokio::net::UnixStream;
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use crate::artifacts::source_maps::SourceMaps;
use crate::assets::Assets;
use crate::capacity::budget::Budget;
use crate::fleet::eviction::Running;
use crate::fleet::pool::{self, Pool};
use crate::fleet::reaper;
use crate::processes::Processes;
use crate::slot::{LaunchSpec, Slot};
use crate::worker::blank::Baseline;
use crate::worker::load::LoadError;
use crate::worker::process::Worker;
use crate::worker::spawner::Spawner;
use crate::{ArtifactCache, Deno};
use jelou_sandbox::{
    LayerStatus, ProcessLimits, ProcessUser, Sandbox, SandboxConfig, SandboxError,
};

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
    pub function_id: FunctionId,
    pub(crate) worker: Arc<Worker>,
    /// One of the connections that a process may have at a time.
    pub(crate) _connection: Arc<OwnedSemaphorePermit>,
}

impl Caller {
    /// Calls already made in the chain that a call on behalf of this request continues.
    pub fn hops_of(&self, parent_request: Option<&str>) -> u32 {
        self.worker.in_flight.hops_of(parent_request)
    }

    /// Whose memory a call on behalf of this request may use; `None` when it is not in flight.
    pub fn memory_scope_of(&self, parent_request: &str) -> Option<String> {
        self.worker.in_flight.memory_scope_of(parent_request)
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
    /// The process has all that it may have of something; the text names the limit.
    AtLimit(String),
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
    /// Of the addresses that functions cannot connect to, those that they can after all.
    pub egress_allow: Vec<Ipv4Net>,
    /// Host suffix of function URLs, without a port.
    pub functions_domain: String,
    pub company: CompanyInfo,
    /// Absent where functions cannot use the Jelou API.
    pub jelou: Option<JelouCredentials>,
}

/// Where the Jelou API is, and who calls it; functions use it as `ctx.jelou`.
#[derive(Clone)]
pub struct JelouCredentials {
    pub base_url: String,
    pub api_key: Zeroizing<String>,
}

impl fmt::Debug for JelouCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JelouCredentials")
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
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
    pub(crate) source_maps: SourceMaps,
    pub(crate) cache_dir: PathBuf,
    pub(crate) limits: Limits,
    pub(crate) functions_domain: String,
    pub(crate) company: CompanyInfo,
    pub(crate) jelou: Option<JelouCredentials>,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) sandbox: Sandbox,
    /// What functions cannot connect to.
    pub(crate) denied_addresses: Vec<String>,
    pub(crate) spawner: Spawner,
    /// Where processes are watched, whichever thread's request started them.
    pub(crate) runtime: Handle,
    pub(crate) builds: Semaphore,
    pub(crate) pool: Arc<Pool>,
    /// The processes that have a function.
    pub(crate) running: Running,
    pub(crate) budget: Arc<Budget>,
    deployments: Mutex<Vec<Weak<Processes>>>,
    baseline: OnceCell<Baseline>,
    run_dir: PathBuf,
    worker_numbers: AtomicU64,
}

impl Shared {
    /// Folder of the next worker.
    pub(crate) fn next_worker_dir(&self) -> PathBuf {
        let number = self.worker_numbers.fetch_add(1, Ordering::Relaxed);
        self.run_dir.join(number.to_string())
    }

    /// Measured once, by a process that is started for it.
    pub(crate) async fn baseline(&self) -> Result<&Baseline, LoadError> {
        self.baseline
            .get_or_try_init(|| Baseline::measure(self))
            .await
    }

    fn track(&self, processes: &Arc<Processes>) {
        self.deployments().push(Arc::downgrade(processes));
    }

    /// The processes of each deployment that there is.
    pub(crate) fn tracked(&self) -> Vec<Arc<Processes>> {
        let mut tracked = Vec::new();
        self.deployments().retain(|processes| {
            let processes = processes.upgrade();
            let kept = processes.is_some();
            tracked.extend(processes);
            kept
        });
        tracked
    }

    fn deployments(&self) -> MutexGuard<'_, Vec<Weak<Processes>>> {
        self.deployments
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn run_dir(&self) -> &Path {
        &self.run_dir
    }

    /// Deno's folder of all builds; no worker sees it, and only the part of the packages can be written.
    pub(crate) fn deno_cache(&self) -> PathBuf {
        self.cache_dir.join("deno")
    }

    /// The cache of packages that builds share.
    pub(crate) fn packages(&self) -> PathBuf {
        packages_in(&self.deno_cache())
    }

    /// The bundler, where `deno bundle` looks for it.
    pub(crate) fn bundler(&self) -> PathBuf {
        bundler_in(&self.deno_cache())
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
            egress_allow,
            functions_domain,
            company,
            jelou,
        } = config;
        // Room for the worker's number and the names below it.
        if run_dir.as_os_str().len() > 80 {
            return Err(EngineError::RunDirTooLong { path: run_dir });
        }
        reset_run_dir(&run_dir)?;
        fs_err::create_dir_all(&cache_dir)?;
        raise_file_limit();
        let sandbox = Sandbox::set_up(sandbox, process_limits(&limits), &egress_allow, &run_dir)?;
        for layer in sandbox.layers().iter().filter(|layer| !layer.active) {
            tracing::warn!(layer = %layer.layer, reason = layer.reason.as_deref(), "a layer of the sandbox is missing");
        }
        let assets = Assets::write(&cache_dir)?;
        provide_cache(&deno, &cache_dir, sandbox.builder())?;
        let budget = Arc::new(Budget::new(limits.max_workers_memory_mib));
        let shared = Arc::new(Shared {
            deno,
            assets,
            source_maps: SourceMaps::new(artifacts.clone()),
            artifacts,
            cache_dir,
            limits,
            functions_domain,
            company,
            jelou,
            host,
            sandbox,
            denied_addresses: jelou_sandbox::denied_addresses(&egress_allow),
            spawner: Spawner::start()?,
            runtime: Handle::current(),
            builds: Semaphore::new(CONCURRENT_BUILDS),
            pool: Arc::new(Pool::new(jelou_sandbox::cores())),
            running: Running::default(),
            budget,
            deployments: Mutex::default(),
            baseline: OnceCell::new(),
            run_dir,
            worker_numbers: AtomicU64::new(0),
        });
        tokio::spawn(reaper::run(Arc::downgrade(&shared)));
        tokio::spawn(pool::keep_filled(Arc::downgrade(&shared)));
        Ok(Self { shared })
    }

    pub fn slot(&self, spec: LaunchSpec) -> Slot {
        let processes = Arc::new(Processes::new(Arc::clone(&self.shared), spec));
        self.shared.track(&processes);
        Slot::new(processes)
    }

    /// Ends the processes that wait for a function; those that have one end with their slot, and before.
    pub fn shut_down(&self) {
        self.shared.pool.close();
        self.shared.sandbox.take_down();
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

/// Lays out Deno's folder of all builds. The user who fetches packages owns their cache and nothing else of it, least
/// of all the bundler, which every build runs.
fn provide_cache(
    deno: &Deno,
    cache_dir: &Path,
    builder: Option<ProcessUser>,
) -> std::io::Result<()> {
    let deno_cache = cache_dir.join("deno");
    let packages = packages_in(&deno_cache);
    fs_err::create_dir_all(&packages)?;
    provide_bundler(deno, &bundler_in(&deno_cache))?;
    let Some(builder) = builder else {
        return Ok(());
    };
    let passable = || Permissions::from_mode(0o711);
    for folder in [cache_dir, &deno_cache] {
        std::os::unix::fs::lchown(folder, Some(0), Some(0))?;
        fs_err::set_permissions(folder, passable())?;
    }
    builder.own_all(&packages)?;
    // For the user, and for the group in which the later steps of a build are.
    fs_err::set_permissions(&packages, Permissions::from_mode(0o750))
}

/// Puts the pinned bundler where `deno bundle` looks for it, so that no build has to fetch it.
fn provide_bundler(deno: &Deno, target: &Path) -> std::io::Result<()> {
    let Some(bundler) = &deno.bundler else {
        return Ok(());
    };
    if let Some(folder) = target.parent() {
        fs_err::create_dir_all(folder)?;
        for folder in folder.ancestors().take(2) {
            fs_err::set_permissions(folder, Permissions::from_mode(0o755))?;
        }
    }
    if !target.is_file() {
        fs_err::hard_link(bundler, target).or_else(|_| fs_err::copy(bundler, target).map(drop))?;
    }
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::lchown(target, Some(0), Some(0))?;
    }
    // A link may be to a file of somebody else's, whose mode is not ours to change.
    if target.metadata()?.permissions().mode() & 0o777 == 0o755 {
        return Ok(());
    }
    fs_err::set_permissions(target, Permissions::from_mode(0o755))
}

fn packages_in(deno_cache: &Path) -> PathBuf {
    deno_cache.join("npm")
}

fn bundler_in(deno_cache: &Path) -> PathBuf {
    deno_cache
        .join(crate::deno::bundler_cache_dir())
        .join(crate::deno::bundler_cache_name())
}

fn process_limits(limits: &Limits) -> ProcessLimits {
    ProcessLimits {
        cpu_weight: limits.cpu_weight,
        max_memory_mib: limits.max_memory_mib,
        max_threads: limits.max_threads,
        max_open_files: limits.max_open_files,
    }
}

/// Sockets to callers and workers are files to the kernel, and the usual limit of 1024 of them is soon reached.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::warn!(%error, "cannot raise the limit of open files");
    }
}

/// Empties what an earlier server left behind, and makes the folder private. One that somebody else put there in
/// between is not taken.
fn reset_run_dir(run_dir: &Path) -> std::io::Result<()> {
    match fs_err::remove_dir_all(run_dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if let Some(parent) = run_dir.parent() {
        fs_err::create_dir_all(parent)?;
    }
    std::fs::DirBuilder::new().mode(0o711).create(run_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_for_sockets_is_made_anew() {
        let parent = tempfile::tempdir().unwrap();
        let run_dir = parent.path().join("a/run");
        reset_run_dir(&run_dir).unwrap();
        fs_err::write(run_dir.join("old"), "").unwrap();
        reset_run_dir(&run_dir).unwrap();
        assert_eq!(fs_err::read_dir(&run_dir).unwrap().count(), 0);
        fs_err::remove_dir(&run_dir).unwrap();
        // A link to a folder of somebody else's is removed, not followed.
        let other = parent.path().join("other");
        fs_err::create_dir(&other).unwrap();
        fs_err::write(other.join("kept"), "").unwrap();
        std::os::unix::fs::symlink(&other, &run_dir).unwrap();
        reset_run_dir(&run_dir).unwrap();
        assert!(other.join("kept").exists());
        assert!(!run_dir.is_symlink());
    }

    #[test]
    fn builds_do_not_own_the_bundler() {
        let dir = tempfile::tempdir().unwrap();
        let bundler = dir.path().join("esbuild");
        fs_err::write(&bundler, "#!").unwrap();
        let deno = Deno {
            binary: PathBuf::new(),
            bundler: Some(bundler.clone()),
            origin: crate::deno::Origin::Path,
        };
        let ids = jelou_sandbox::UserIds::new(600_000, 0);
        let builder = rustix::process::geteuid().is_root().then(|| ids.builder());
        let cache = dir.path().join("cache");
        provide_cache(&deno, &cache, builder).unwrap();
        let owner = |path: &Path| std::os::unix::fs::MetadataExt::uid(&path.metadata().unwrap());
        let own = rustix::process::geteuid().as_raw();
        assert_eq!(owner(&bundler_in(&cache.join("deno"))), own);
        assert_eq!(owner(&bundler), own);
        assert_eq!(owner(&cache.join("deno")), own);
        let packages = packages_in(&cache.join("deno"));
        assert_eq!(owner(&packages), builder.map_or(own, ProcessUser::id));
        // Again, as at the next start.
        provide_cache(&deno, &cache, builder).unwrap();
    }
}
