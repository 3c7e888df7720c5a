//! Starts the processes of workers.

use std::fs::File;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;

use jelou_core::{EgressRule, FunctionLimits, Limits};
use jelou_sandbox::{CpuShare, LentUser, ProcessLimits, Purpose, Sandbox};
use tokio::io::BufReader;
use tokio::net::UnixListener;
use tokio::process::{Child, ChildStdout};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;

use super::baseline::Baseline;
use super::builtins::Builtins;
use super::command::Program;
use super::directory::WorkerDir;
use super::exit;
use super::load::LoadError;
use super::openings::{Families, Openings};
use super::run_dir::RunDir;
use super::spawner::Spawner;
use super::stage::EngineStage;
use super::terms::LaunchTerms;
use super::waiting_calls::WaitingCalls;
use crate::capacity::Budget;
use crate::debugger::{BreakAt, Debuggers};
use crate::deno::DENO_VERSION;
use crate::logs::next_line;

/// Maximum bytes of the line by which a worker reports that it listens on its sockets.
const MAX_READY_BYTES: usize = 1024;

/// Starts the processes of one server. Contains the data that all of them share.
#[derive(Debug)]
pub(crate) struct Launcher {
    /// The server's limits.
    pub(crate) limits: Arc<FunctionLimits>,
    /// The egress rules for all functions.
    pub(crate) egress: Vec<EgressRule>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) sandbox: Sandbox,
    pub(crate) spawner: Spawner,
    pub(crate) run_dir: RunDir,
    pub(crate) waiting_calls: WaitingCalls,
    /// The runtime that supervises all processes, whichever thread started them.
    pub(crate) runtime: Handle,
    pub(crate) stage: EngineStage,
    /// Set if workers have an inspector.
    pub(crate) debuggers: Option<Arc<Debuggers>>,
    program: Program,
    pub(super) baseline: OnceCell<Baseline>,
    pub(super) builtins: Builtins,
}

/// A process that listens on its sockets.
#[derive(Debug)]
pub(super) struct Launched {
    pub(super) child: Child,
    pub(super) stdout: BufReader<ChildStdout>,
    pub(super) dir: WorkerDir,
    pub(super) egress: UnixListener,
    /// The server's ends of the answer pipes.
    pub(super) answers: Vec<File>,
}

impl Launcher {
    /// Starts the spawner. Must be called inside a tokio runtime.
    pub(crate) fn new(
        program: Program,
        sandbox: Sandbox,
        run_dir: RunDir,
        budget: Arc<Budget>,
        limits: Arc<FunctionLimits>,
        egress: Vec<EgressRule>,
        (stage, debuggers): (EngineStage, Option<Arc<Debuggers>>),
    ) -> std::io::Result<Self> {
        Ok(Self {
            limits,
            egress,
            budget,
            sandbox,
            spawner: Spawner::start()?,
            run_dir,
            waiting_calls: WaitingCalls::default(),
            runtime: Handle::current(),
            stage,
            debuggers,
            program,
            baseline: OnceCell::new(),
            builtins: Builtins::default(),
        })
    }

    /// Returns the folder of the cache for the baseline. Its name depends on everything that changes the baseline.
    pub(super) fn baseline_folder(&self) -> PathBuf {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let heap_mib = self.limits.max_heap_mib;
        let assets = &self.program.assets;
        let name = assets.name();
        assets.beside(&format!(
            "baseline-{name}-deno-{DENO_VERSION}-{cores}-cores-{heap_mib}-mib"
        ))
    }

    /// Returns whether a worker waits for a debugger before it imports its function.
    pub(crate) fn waits_for_debugger(&self) -> bool {
        let debuggers = self.debuggers.as_ref();
        debuggers.is_some_and(|debuggers| debuggers.break_at == BreakAt::Import)
    }

    /// Returns the launch terms of blank workers, which any function can get.
    pub(crate) async fn common_terms(&self) -> LaunchTerms {
        LaunchTerms {
            limits: Arc::clone(&self.limits),
            openings: Arc::new(Openings::resolve(self.egress.iter(), self.families()).await),
        }
    }

    /// Returns the address families that functions can use.
    pub(crate) fn families(&self) -> Families {
        if self.sandbox.has_ipv6() {
            Families::Both
        } else {
            Families::Ipv4
        }
    }

    /// Lends a user id, and opens the networks of the process in the firewall for this id. The firewall already allows
    /// the networks of rules for all functions, but not those of rules with a name or a port.
    async fn lend_user(&self, terms: &LaunchTerms) -> std::io::Result<Option<LentUser>> {
        let Some(mut user) = self.sandbox.lend_user()? else {
            return Ok(None);
        };
        let rules = terms.openings.rules();
        if rules.iter().all(|rule| self.is_in_firewall(rule.rule())) {
            return Ok(Some(user));
        }
        let (sandbox, openings) = (self.sandbox.clone(), terms.openings.list());
        let opening = tokio::task::spawn_blocking(move || {
            sandbox.open_firewall(&mut user, &openings)?;
            Ok(Some(user))
        });
        opening.await.map_err(std::io::Error::other)?
    }

    fn is_in_firewall(&self, rule: &EgressRule) -> bool {
        !rule.is_name() && rule.port.is_none() && self.egress.contains(rule)
    }

    /// Starts a process and waits until it listens. Without a `baseline`, its data segment has no limit.
    pub(super) async fn launch(
        &self,
        purpose: Purpose,
        share: CpuShare,
        terms: &LaunchTerms,
        baseline: Option<&Baseline>,
    ) -> Result<Launched, LoadError> {
        let died = |error: std::io::Error| LoadError::Died(error.to_string());
        let max_data_bytes =
            baseline.map(|baseline| baseline.max_data_bytes(terms.limits.max_memory_mib));
        let user = self.lend_user(terms).await.map_err(died)?;
        let group = self.sandbox.lend_group(&process_limits(&terms.limits));
        let mut dir = WorkerDir::create(self.run_dir.next_worker(), user, group).map_err(died)?;
        dir.set_share(share);
        if let Some(baseline) = baseline {
            let builtins = self.builtins.code_cache();
            let cache = builtins.as_deref().unwrap_or(&baseline.code_cache).clone();
            dir = dir.with_code_cache(cache).await.map_err(died)?;
        }
        let egress = dir.listen_egress().map_err(died)?;
        let answers = dir.make_answer_pipes().map_err(died)?;
        let command = self
            .program
            .command(&self.sandbox, &dir, purpose, terms, max_data_bytes)
            .map_err(died)?;
        let mut child = self.spawner.spawn(command).await.map_err(died)?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| LoadError::Died("no stdout".to_owned()))?;
        let mut stdout = BufReader::new(stdout);
        let ready = next_line(&mut stdout, MAX_READY_BYTES);
        let ready = self.boosted(&dir, ready).await.map_err(died)?;
        if ready.is_none() {
            return Err(LoadError::Died(exit::status_and_stderr(child).await));
        }
        Ok(Launched {
            child,
            stdout,
            dir,
            egress,
            answers,
        })
    }

    /// Runs `work`, which waits for a process. A process with idle priority may never run on a machine that is always
    /// busy. So the process gets its normal share after an eighth of the startup timeout, or as soon as a call waits
    /// for the start of a process.
    pub(super) async fn boosted<T>(&self, dir: &WorkerDir, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let patience = self.limits.startup_timeout() / 8;
        let enough = tokio::time::timeout(patience, self.waiting_calls.some());
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = enough => dir.set_share(CpuShare::Own),
        }
        work.await
    }
}

/// Returns the limits that the kernel enforces.
pub(crate) fn process_limits(limits: &Limits) -> ProcessLimits {
    ProcessLimits {
        cpu_weight: limits.cpu_weight,
        max_memory_mib: limits.max_memory_mib,
        max_threads: limits.max_threads,
        max_open_files: limits.max_open_files,
    }
}
