//! A blank worker: its start, its rehearsal, and the handoff of a function.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jelou_core::FunctionLimits;
use jelou_sandbox::{CpuShare, Purpose};
use tokio::io::BufReader;
use tokio::net::UnixListener;
use tokio::process::{Child, ChildStdout};
use tokio::task::JoinSet;

use super::baseline::Baseline;
use super::code_cache::CodeCache;
use super::directory::WorkerDir;
use super::egress::EgressHandler;
use super::exit;
use super::fair_clock;
use super::handle::Worker;
use super::launcher::{Launched, Launcher};
use super::load::{self, LoadError, LoadRequest, Loaded};
use super::module_cache;
use super::procfs::{Status, pid_of};
use super::supervisor::{self, Process};
use super::terms::LaunchTerms;
use super::usage::Usage;
use super::watchdog::{self, Stage};
use crate::capacity::Charge;
use crate::logs::{self, LogForwarder, LogLine};
use crate::transport::{Channels, Connection, Connections, WorkReports};

/// A process that listens on its sockets and has no function yet.
#[derive(Debug)]
pub(crate) struct Blank {
    pub(super) child: Child,
    terms: LaunchTerms,
    charge: Charge,
    stdout: BufReader<ChildStdout>,
    pub(super) dir: WorkerDir,
    egress: UnixListener,
    pub(super) connection: Connection,
    connections: Connections,
    channels: Channels,
    usage: Arc<Usage>,
}

impl Blank {
    /// Starts a process and charges its memory to `charge`. Creating the folder can block on a slow disk, so it runs on
    /// the launcher's runtime and not on a request's thread.
    ///
    /// # Errors
    ///
    /// When the process cannot be started, ends early, or is not ready within `limits.startup_timeout_ms`.
    pub(crate) async fn start(
        launcher: &Arc<Launcher>,
        purpose: Purpose,
        share: CpuShare,
        terms: LaunchTerms,
        charge: Charge,
    ) -> Result<Self, LoadError> {
        let timeout = launcher.limits.startup_timeout();
        // Dropping the set aborts the task, so that a cancelled start ends.
        let mut starting = JoinSet::new();
        let own = Arc::clone(launcher);
        let blank = async move { Self::start_limited(&own, purpose, share, terms, charge).await };
        starting.spawn_on(blank, &launcher.runtime);
        match tokio::time::timeout(timeout, starting.join_next()).await {
            Ok(Some(Ok(started))) => started,
            Ok(Some(Err(error))) => Err(LoadError::Died(error.to_string())),
            Ok(None) => Err(LoadError::Died("its start was cancelled".to_owned())),
            Err(_) => Err(LoadError::NotReady(timeout)),
        }
    }

    async fn start_limited(
        launcher: &Launcher,
        purpose: Purpose,
        share: CpuShare,
        terms: LaunchTerms,
        charge: Charge,
    ) -> Result<Self, LoadError> {
        let baseline = baseline(launcher).await?;
        let ready = launcher
            .launch(purpose, share, &terms, Some(baseline))
            .await?;
        let blank = Self::connect(launcher, ready, terms, charge).await?;
        if let Some(bytes) = blank.status().and_then(|status| status.private_memory()) {
            blank.charge.set_blank(bytes);
        }
        Ok(blank)
    }

    async fn connect(
        launcher: &Launcher,
        ready: Launched,
        terms: LaunchTerms,
        charge: Charge,
    ) -> Result<Self, LoadError> {
        let Launched {
            child,
            stdout,
            dir,
            egress,
            answers,
        } = ready;
        let process = pid_of(&child)
            .ok_or_else(|| LoadError::Died("it ended right after it began to listen".to_owned()))?;
        let max_head_bytes = launcher.limits.max_response_header_bytes;
        let connections = Connections::new(process, &dir.socket(), max_head_bytes);
        let usage = Arc::<Usage>::default();
        let reports = Arc::clone(&usage) as Arc<dyn WorkReports>;
        let channels = Channels::new(
            process,
            &dir.calls_socket(),
            answers,
            max_head_bytes,
            reports,
        );
        let connection = connections
            .take()
            .await
            .map_err(|error| LoadError::Died(error.to_string()))?;
        Ok(Self {
            child,
            terms,
            charge,
            stdout,
            dir,
            egress,
            connection,
            connections,
            channels,
            usage,
        })
    }

    /// Makes the process run a rehearsal. The first call then takes half the time.
    ///
    /// # Errors
    ///
    /// When the process ends early, or does not finish within `limits.startup_timeout_ms`.
    pub(crate) async fn rehearse(&mut self, launcher: &Launcher) -> Result<(), LoadError> {
        let rehearsed = load::rehearse(
            &mut self.connection,
            &launcher.stage,
            launcher.limits.startup_timeout(),
        );
        launcher.boosted(&self.dir, rehearsed).await
    }

    /// Ends the process, and moves its code cache to `folder` in the run directory.
    pub(super) async fn end_for_cache(
        mut self,
        launcher: &Launcher,
        folder: &str,
    ) -> Result<CodeCache, LoadError> {
        let died = |error: std::io::Error| LoadError::Died(error.to_string());
        self.child.kill().await.map_err(died)?;
        let folder = launcher.run_dir.path().join(folder);
        let code_cache = CodeCache::take(&self.dir.deno_dir(), folder).map_err(died)?;
        module_cache::compact(code_cache.folder()).await;
        Ok(code_cache)
    }

    /// Returns whether the process still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn status(&self) -> Option<Status> {
        pid_of(&self.child).and_then(Status::of)
    }

    pub(crate) fn terms(&self) -> &LaunchTerms {
        &self.terms
    }

    /// Returns the usage of the worker that this process becomes.
    pub(crate) fn usage(&self) -> &Arc<Usage> {
        &self.usage
    }

    /// Returns the file that the worker creates when it waits for a debugger.
    pub(crate) fn waiting_file(&self) -> PathBuf {
        self.dir.waiting_file()
    }

    pub(crate) fn egress_socket(&self) -> PathBuf {
        self.dir.egress_socket()
    }

    /// Loads the function and reads its manifest, then ends the process. The output of the process appears only in an
    /// error.
    ///
    /// # Errors
    ///
    /// When the function cannot be loaded.
    pub(crate) async fn inspect(mut self, request: &LoadRequest<'_>) -> Result<Loaded, LoadError> {
        let written = tokio::spawn(logs::last_lines(self.stdout));
        if let Some(stderr) = self.child.stderr.take() {
            tokio::spawn(logs::discard(stderr));
        }
        let loaded = load::load(&mut self.connection, request);
        let limits = &self.terms.limits;
        let timeout = limits.startup_timeout();
        let result = guarded(limits, timeout, &mut self.child, &self.dir, loaded).await;
        let _ = self.child.kill().await;
        match result {
            Ok(loaded) => Ok(loaded),
            Err(error) => Err(error.after(&written.await.unwrap_or_default())),
        }
    }

    /// Hands a function to the process. A process never gets another function. The worker starts with one request in
    /// flight, so that it is not evicted before its first use. The caller must end this request with [`Usage::leave`].
    ///
    /// # Errors
    ///
    /// When the function cannot be loaded.
    pub(crate) async fn serve(
        self,
        launcher: &Arc<Launcher>,
        limits: &Arc<FunctionLimits>,
        request: &LoadRequest<'_>,
        logs: LogForwarder,
        egress_handler: EgressHandler,
        share: CpuShare,
    ) -> Result<(Arc<Worker>, Loaded), LoadError> {
        let Self {
            mut child,
            terms,
            charge,
            stdout,
            dir,
            egress,
            mut connection,
            connections,
            channels,
            usage,
        } = self;
        dir.set_share(share);
        // The output is read before the import starts, because a module that writes much would block on a full pipe.
        launcher
            .runtime
            .spawn(logs.clone().run(stdout, LogLine::Output));
        if let Some(stderr) = child.stderr.take() {
            launcher
                .runtime
                .spawn(logs.clone().run(stderr, LogLine::Engine));
        }
        let function = logs.source.function.clone();
        let terms = LaunchTerms {
            limits: Arc::clone(limits),
            ..terms
        };
        let debuggers = launcher.debuggers.clone();
        let worker = Worker::new(
            function,
            terms,
            usage,
            charge,
            channels,
            connections,
            debuggers,
        );
        let pid = pid_of(&child);
        let inspector = match &launcher.debuggers {
            Some(debuggers) => Some((debuggers, load::inspector(&mut connection).await?)),
            None => None,
        };
        // A debugger stays attached to the previous process until this process has loaded the function. A process that
        // waits for a debugger is announced earlier.
        let announce = || {
            let (debuggers, inspector) = inspector.clone()?;
            Some(debuggers.announce(request.function_slug.clone(), inspector))
        };
        let mut announced = None;
        let waiting = request.waits_for_debugger;
        let announcing = async {
            if let Some(file) = waiting {
                // If a debugger attached before the worker waits, the worker would not continue.
                exists(file).await;
                announced = announce();
            }
            std::future::pending::<Infallible>().await
        };
        let timeout = match waiting {
            Some(_) => Duration::MAX,
            None => limits.startup_timeout(),
        };
        let loaded = {
            let at_limit = |what| logs.write(LogLine::AtLimit(what));
            let watch = watchdog::watch(&worker, pid, &dir, Stage::Import, limits, at_limit);
            let loaded = load::load(&mut connection, request);
            let loaded = guarded(limits, timeout, &mut child, &dir, loaded);
            tokio::select! {
                loaded = launcher.boosted(&dir, loaded) => loaded,
                breach = watch => Err(LoadError::Breach(breach.to_string())),
                never = announcing => match never {},
            }
        };
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                let _ = child.kill().await;
                return Err(error);
            }
        };
        // During the import, `boosted` or the watchdog may have raised the share.
        dir.set_share(share);
        // A connection is reused only by the thread that opened it. Other threads open their own connections, so this
        // connection is closed.
        drop(connection);
        let process = Process {
            child,
            dir,
            egress,
            _announced: announced.or_else(announce),
        };
        let launcher = Arc::clone(launcher);
        let worker = supervisor::start(launcher, worker, process, logs, egress_handler);
        Ok((worker, loaded))
    }
}

/// Waits until the file exists.
async fn exists(file: &Path) {
    while !file.exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits up to `timeout` for `work`, in which the process reads the bundle. Fails if the process ends.
pub(super) async fn guarded<T>(
    limits: &FunctionLimits,
    timeout: Duration,
    child: &mut Child,
    dir: &WorkerDir,
    work: impl Future<Output = Result<T, LoadError>>,
) -> Result<T, LoadError> {
    let too_long = fair_clock::passes(pid_of(child), timeout);
    let result = tokio::select! {
        result = work => result,
        () = too_long => return Err(LoadError::Timeout {
            after: timeout,
            limit: limits.describe("startup_timeout_ms"),
        }),
        status = child.wait() => {
            return Err(LoadError::Crashed(exit::describe(status, dir, limits)));
        }
    };
    if !matches!(result, Err(LoadError::Died(_))) {
        return result;
    }
    match exit::of_closed(child, dir, limits).await {
        Some(how) => Err(LoadError::Crashed(how)),
        None => result,
    }
}

/// Returns the baseline, which is measured once, with a temporary process, unless an earlier server kept it.
///
/// # Errors
///
/// When the temporary process cannot be started, or is not ready within `limits.startup_timeout_ms`.
pub(crate) async fn baseline(launcher: &Launcher) -> Result<&Baseline, LoadError> {
    let timeout = launcher.limits.startup_timeout();
    let measured = launcher
        .baseline
        .get_or_try_init(|| measure_baseline(launcher));
    tokio::time::timeout(timeout, measured)
        .await
        .map_err(|_| LoadError::NotReady(timeout))?
}

async fn measure_baseline(launcher: &Launcher) -> Result<Baseline, LoadError> {
    let folder = launcher.baseline_folder();
    if let Some(kept) = Baseline::kept(&folder) {
        return Ok(kept);
    }
    let charge = launcher.budget.charge();
    let terms = launcher.common_terms().await;
    let ready = launcher
        .launch(Purpose::Inspect, CpuShare::Own, &terms, None)
        .await?;
    let mut blank = Blank::connect(launcher, ready, terms, charge).await?;
    // Deno writes its code cache while the process runs.
    blank.rehearse(launcher).await?;
    let data_bytes = blank
        .status()
        .and_then(|status| status.data_size())
        .ok_or_else(|| LoadError::Died("the size of a blank worker cannot be read".to_owned()))?;
    let baseline = Baseline {
        data_bytes,
        code_cache: blank.end_for_cache(launcher, "compiled").await?,
    };
    if let Err(error) = baseline.keep(&folder) {
        tracing::debug!(%error, "cannot keep the measurements of a blank worker");
    }
    Ok(baseline)
}
