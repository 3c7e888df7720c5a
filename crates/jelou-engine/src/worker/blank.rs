//! A process that has no function yet: its start, and the hand-over.

use std::sync::Arc;

use jelou_core::FunctionId;
use tokio::io::BufReader;
use tokio::net::UnixListener;
use tokio::process::Child;
use tokio::task::JoinSet;

use super::code_cache::CodeCache;
use super::command::{self, WorkerDir};
use super::exit;
use super::fair_clock;
use super::load::{self, LoadError, LoadRequest, Loaded};
use super::process::{Counted, Process, Worker, pid_of};
use super::procfs::Status;
use super::watchdog::{self, Stage};
use crate::LogLine;
use crate::capacity::budget::Charge;
use crate::engine::Shared;
use crate::logs::forward::{self, Forward};
use crate::transport::channel::Channels;
use crate::transport::connection::{Connection, Connections};
use jelou_sandbox::{CpuShare, Purpose};

/// Bytes of the line in which the bootstrap says that it listens.
const MAX_READY_BYTES: usize = 1024;

/// A process that listens and has not been given anything yet.
#[derive(Debug)]
pub(crate) struct Blank {
    child: Child,
    charge: Charge,
    stdout: BufReader<tokio::process::ChildStdout>,
    dir: WorkerDir,
    egress: UnixListener,
    connection: Connection,
    connections: Connections,
    channels: Channels,
}

impl Blank {
    /// `charge` is the room that was made for it. Folders and files are made for a process, and a disk can take its time
    /// for that: so it is not done by a thread that has calls to pass on, whoever asks.
    pub(crate) async fn start(
        shared: &Arc<Shared>,
        purpose: Purpose,
        share: CpuShare,
        charge: Charge,
    ) -> Result<Self, LoadError> {
        let timeout = shared.limits.startup_timeout();
        // Ends what it has begun when nobody waits any more.
        let mut starting = JoinSet::new();
        let own = Arc::clone(shared);
        let blank = async move { Self::start_now(&own, purpose, share, charge).await };
        starting.spawn_on(blank, &shared.runtime);
        match tokio::time::timeout(timeout, starting.join_next()).await {
            Ok(Some(Ok(started))) => started,
            Ok(Some(Err(error))) => Err(LoadError::Died(error.to_string())),
            Ok(None) => Err(LoadError::Died("its start was given up".to_owned())),
            Err(_) => Err(LoadError::Timeout(timeout)),
        }
    }

    async fn start_now(
        shared: &Shared,
        purpose: Purpose,
        share: CpuShare,
        charge: Charge,
    ) -> Result<Self, LoadError> {
        let baseline = shared.baseline().await?;
        let blank = Self::start_limited(shared, purpose, share, charge, Some(baseline)).await?;
        if let Some(bytes) = blank.status().and_then(|status| status.private_memory()) {
            blank.charge.set_blank(bytes);
        }
        Ok(blank)
    }

    async fn start_limited(
        shared: &Shared,
        purpose: Purpose,
        share: CpuShare,
        charge: Charge,
        baseline: Option<&Baseline>,
    ) -> Result<Self, LoadError> {
        let died = |error: std::io::Error| LoadError::Died(error.to_string());
        let max_data_bytes =
            baseline.map(|baseline| baseline.max_data_bytes(shared.limits.max_memory_mib));
        let user = shared.sandbox.lend_user().map_err(died)?;
        let group = shared.sandbox.lend_group();
        let mut dir = WorkerDir::create(shared.next_worker_dir(), user, group).map_err(died)?;
        dir.give(share);
        if let Some(compiled) = baseline.map(|baseline| baseline.compiled.clone()) {
            dir = dir.filled(compiled).await.map_err(died)?;
        }
        let egress = dir.listen_egress().map_err(died)?;
        let answers = dir.make_answer_pipes().map_err(died)?;
        let command = command::worker(shared, &dir, purpose, max_data_bytes).map_err(died)?;
        let mut child = shared.spawner.spawn(command).await.map_err(died)?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| LoadError::Died("no stdout".to_owned()))?;
        let mut stdout = BufReader::new(stdout);
        // The bootstrap's only line before it has a function: it listens.
        let listens = forward::next_line(&mut stdout, MAX_READY_BYTES);
        let listens = dir.soon(shared, listens).await.map_err(died)?;
        if listens.is_none() {
            return Err(LoadError::Died(exit::last_words(child).await));
        }
        let process = pid_of(&child)
            .ok_or_else(|| LoadError::Died("it ended as soon as it listened".to_owned()))?;
        let max_head_bytes = shared.limits.max_response_header_bytes;
        let connections = Connections::new(process, &dir.socket(), max_head_bytes);
        let channels = Channels::new(process, &dir.calls_socket(), answers, max_head_bytes);
        let connection = connections.take().await.map_err(died)?;
        Ok(Self {
            child,
            charge,
            stdout,
            dir,
            egress,
            connection,
            connections,
            channels,
        })
    }

    /// For a process that waits for its function: that one's first call then takes half the time.
    pub(crate) async fn rehearse(&mut self, shared: &Shared) -> Result<(), LoadError> {
        let rehearsed = load::rehearse(&mut self.connection, shared.limits.startup_timeout());
        self.dir.soon(shared, rehearsed).await
    }

    /// Whether the process still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn status(&self) -> Option<Status> {
        pid_of(&self.child).and_then(Status::of)
    }

    pub(crate) fn egress_socket(&self) -> std::path::PathBuf {
        self.dir.egress_socket()
    }

    /// Reads what the function says of itself, then ends the process. What it writes is read, so that it does not wait
    /// for a reader, and goes nowhere.
    pub(crate) async fn inspect(
        mut self,
        shared: &Shared,
        request: &LoadRequest<'_>,
    ) -> Result<Loaded, LoadError> {
        tokio::spawn(forward::discard(self.stdout));
        if let Some(stderr) = self.child.stderr.take() {
            tokio::spawn(forward::discard(stderr));
        }
        let result = load(
            shared,
            &mut self.child,
            &self.dir,
            &mut self.connection,
            request,
        )
        .await;
        let _ = self.child.kill().await;
        result
    }

    /// Gives the process its function, for the rest of its life.
    pub(crate) async fn serve(
        self,
        shared: &Arc<Shared>,
        request: &LoadRequest<'_>,
        function: &FunctionId,
        forward: Forward,
        share: CpuShare,
    ) -> Result<Counted, LoadError> {
        let Self {
            mut child,
            charge,
            stdout,
            dir,
            egress,
            mut connection,
            connections,
            channels,
        } = self;
        dir.give(share);
        // Before the module runs: one that writes a lot while it is imported would wait for a reader.
        shared
            .runtime
            .spawn(forward.clone().run(stdout, LogLine::Output));
        if let Some(stderr) = child.stderr.take() {
            shared
                .runtime
                .spawn(forward.clone().run(stderr, LogLine::Engine));
        }
        let slug = forward.source.function.clone();
        let worker = Worker::new(slug, charge, channels, connections);
        let pid = pid_of(&child);
        let loaded = {
            let at_limit = |what| forward.say(LogLine::AtLimit(what));
            let watch =
                watchdog::watch(&worker, pid, &dir, Stage::Import, &shared.limits, at_limit);
            let loaded = load(shared, &mut child, &dir, &mut connection, request);
            tokio::select! {
                loaded = dir.soon(shared, loaded) => loaded.map(drop),
                breach = watch => Err(LoadError::Breach(breach.to_string())),
            }
        };
        if let Err(error) = loaded {
            let _ = child.kill().await;
            return Err(error);
        }
        // It may have had another one so that the import came to an end.
        dir.give(share);
        // It belongs to the thread that started the process; whoever calls makes its own.
        drop(connection);
        let process = Process { child, dir, egress };
        Ok(worker.supervised(process, shared, function, forward))
    }
}

async fn load(
    shared: &Shared,
    child: &mut Child,
    dir: &WorkerDir,
    connection: &mut Connection,
    request: &LoadRequest<'_>,
) -> Result<Loaded, LoadError> {
    let timeout = shared.limits.startup_timeout();
    let too_long = fair_clock::passes(pid_of(child), timeout);
    let result = tokio::select! {
        result = load::load(connection, request) => result,
        () = too_long => return Err(LoadError::Timeout(timeout)),
        status = child.wait() => return Err(LoadError::Crashed(exit::describe(status, dir, &shared.limits))),
    };
    if !matches!(result, Err(LoadError::Died(_))) {
        return result;
    }
    match exit::of_closed(child, dir, &shared.limits).await {
        Some(how) => Err(LoadError::Crashed(how)),
        None => result,
    }
}

/// What the first process was found to be, before it had anything to do.
#[derive(Debug)]
pub(crate) struct Baseline {
    data_bytes: u64,
    compiled: CodeCache,
}

impl Baseline {
    /// Bytes that a process may have of data so that `mib` are its own: V8 reserves a lot of address space that it
    /// never uses, so the limit counts from what a blank worker has.
    pub(crate) fn max_data_bytes(&self, mib: u64) -> u64 {
        self.data_bytes + mib * 1024 * 1024
    }

    pub(crate) async fn measure(shared: &Shared) -> Result<Self, LoadError> {
        let died = |error: std::io::Error| LoadError::Died(error.to_string());
        let charge = shared.budget.charge();
        let mut blank =
            Blank::start_limited(shared, Purpose::Inspect, CpuShare::Own, charge, None).await?;
        // Deno writes what it has compiled while the process goes on.
        blank.rehearse(shared).await?;
        let data_bytes = blank
            .status()
            .and_then(|status| status.data_size())
            .ok_or_else(|| LoadError::Died("the size of a blank worker is not known".to_owned()))?;
        blank.child.kill().await.map_err(died)?;
        let folder = shared.run_dir().join("compiled");
        let compiled = CodeCache::take(&blank.dir.deno_dir(), folder).map_err(died)?;
        Ok(Self {
            data_bytes,
            compiled,
        })
    }
}
