//! A worker's process, from its start to its end.

use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jelou_core::{FunctionId, Limits, Slug};
use rustix::process::Pid;
use tokio::io::BufReader;
use tokio::net::{UnixListener, UnixStream};
use tokio::process::Child;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::budget::Charge;
use super::channel::Channels;
use super::command::{self, WorkerDir};
use super::compiled::Compiled;
use super::connection::{Connection, Connections};
use super::in_flight::InFlight;
use super::load::{self, LoadError, LoadRequest, Loaded};
use super::{output, watch};
use crate::engine::Shared;
use crate::sandbox::{ControlGroup, Purpose};
use crate::{Caller, LogLine, LogSource};

/// Set in [`Worker::leases`] when the worker takes no more requests.
const CLOSED: usize = 1 << (usize::BITS - 1);

/// Connections to the functions domain that one process may have at a time: each is a file of the server's.
const MAX_EGRESS_CONNECTIONS: usize = 64;

/// Bytes of the line in which the bootstrap says that it listens.
const MAX_READY_BYTES: usize = 1024;

/// How long to wait after a connection could not be taken.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// A process that has been given its function.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) function: Slug,
    pub(crate) charge: Charge,
    /// Of the time, how much the event loop has run and has waited for a core, as the watcher sees it.
    pub(crate) running_percent: AtomicU32,
    pub(crate) waiting_percent: AtomicU32,
    pub(crate) channels: Channels,
    pub(crate) connections: Connections,
    pub(crate) in_flight: InFlight,
    /// Requests in flight, and [`CLOSED`].
    leases: AtomicUsize,
    /// Told when the last lease of a closed worker is given back.
    drained: Notify,
    /// Told when the process must end.
    end: Notify,
    /// Milliseconds since `started` when the last lease was given back.
    last_used_ms: AtomicUsize,
    started: Instant,
    /// Whether it ended by itself, or for a limit that it broke.
    crashed: AtomicBool,
}

impl Worker {
    /// Counts a request in, unless the worker takes no more.
    pub(crate) fn try_lease(&self) -> bool {
        if self.leases.fetch_add(1, Ordering::AcqRel) & CLOSED == 0 {
            return true;
        }
        self.release();
        false
    }

    pub(crate) fn release(&self) {
        self.last_used_ms.store(self.age_ms(), Ordering::Relaxed);
        if self.leases.fetch_sub(1, Ordering::AcqRel) == CLOSED + 1 {
            self.drained.notify_waiters();
        }
    }

    /// Requests in flight.
    pub(crate) fn load(&self) -> usize {
        self.leases.load(Ordering::Relaxed) & !CLOSED
    }

    /// Whether a request is in flight.
    pub(crate) fn is_working(&self) -> bool {
        self.load() > 0
    }

    /// Whether it takes requests.
    pub(crate) fn is_open(&self) -> bool {
        self.leases.load(Ordering::Acquire) & CLOSED == 0
    }

    pub(crate) fn has_crashed(&self) -> bool {
        self.crashed.load(Ordering::Acquire)
    }

    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Whether it works on nothing, takes no more requests, and is still there.
    pub(crate) fn is_ending(&self) -> bool {
        self.leases.load(Ordering::Acquire) == CLOSED && !self.has_ended()
    }

    /// A process that is gone has no memory.
    pub(crate) fn has_ended(&self) -> bool {
        self.charge.bytes() == 0
    }

    /// How long it has had no request.
    pub(crate) fn idle_for(&self) -> Duration {
        let last_used = self.last_used_ms.load(Ordering::Relaxed);
        Duration::from_millis(self.age_ms().saturating_sub(last_used) as u64)
    }

    /// Takes no more requests, lets those in flight finish, then ends the process.
    pub(crate) async fn drain(&self, timeout: Duration) {
        self.leases.fetch_or(CLOSED, Ordering::AcqRel);
        let drained = async {
            loop {
                let told = self.drained.notified();
                tokio::pin!(told);
                told.as_mut().enable();
                if self.leases.load(Ordering::Acquire) == CLOSED {
                    return;
                }
                told.await;
            }
        };
        if tokio::time::timeout(timeout, drained).await.is_err() {
            tracing::warn!(
                timeout_ms = timeout.as_millis(),
                "requests still in flight at the end of the drain (limits.drain_timeout_ms)"
            );
        }
        self.kill();
    }

    /// Ends the process when it has had no request for that long; a request in flight keeps it.
    pub(crate) fn end_if_idle(&self, timeout: Duration) -> bool {
        if self.idle_for() < timeout {
            return false;
        }
        // Fails if a request has been counted in meanwhile; one that comes later finds the process closed.
        let closed = self
            .leases
            .compare_exchange(0, CLOSED, Ordering::AcqRel, Ordering::Acquire)
            .is_ok();
        if closed {
            self.kill();
        }
        closed
    }

    fn close_crashed(&self) {
        self.crashed.store(true, Ordering::Release);
        self.leases.fetch_or(CLOSED, Ordering::AcqRel);
    }

    fn kill(&self) {
        self.channels.clear();
        self.connections.clear();
        self.end.notify_one();
    }

    fn age_ms(&self) -> usize {
        usize::try_from(self.started.elapsed().as_millis()).unwrap_or(usize::MAX)
    }
}

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
    /// `charge` is the room that was made for it.
    pub(crate) async fn start(
        shared: &Shared,
        purpose: Purpose,
        charge: Charge,
    ) -> Result<Self, LoadError> {
        let timeout = shared.limits.startup_timeout();
        tokio::time::timeout(timeout, Self::start_now(shared, purpose, charge))
            .await
            .unwrap_or(Err(LoadError::Timeout(timeout)))
    }

    async fn start_now(
        shared: &Shared,
        purpose: Purpose,
        charge: Charge,
    ) -> Result<Self, LoadError> {
        let baseline = shared.baseline().await?;
        let blank = Self::start_limited(shared, purpose, charge, Some(baseline)).await?;
        if let Some(bytes) = pid_of(&blank.child).and_then(watch::private_memory) {
            blank.charge.set_blank(bytes);
        }
        Ok(blank)
    }

    async fn start_limited(
        shared: &Shared,
        purpose: Purpose,
        charge: Charge,
        baseline: Option<&Baseline>,
    ) -> Result<Self, LoadError> {
        let died = |error: std::io::Error| LoadError::Died(error.to_string());
        let max_data_bytes =
            baseline.map(|baseline| baseline.max_data_bytes(shared.limits.max_memory_mib));
        let user = shared.sandbox.lend_user().map_err(died)?;
        let group = shared.sandbox.lend_group();
        let dir = WorkerDir::create(shared.next_worker_dir(), user, group).map_err(died)?;
        if let Some(compiled) = baseline.map(|baseline| baseline.compiled.clone()) {
            let (deno_dir, user) = (dir.deno_dir(), dir.user());
            // Some megabytes: this thread may have calls to pass on meanwhile.
            tokio::task::spawn_blocking(move || compiled.provide(&deno_dir, user))
                .await
                .map_err(std::io::Error::other)
                .and_then(|provided| provided)
                .map_err(died)?;
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
        if output::next_line(&mut stdout, MAX_READY_BYTES)
            .await
            .map_err(died)?
            .is_none()
        {
            return Err(LoadError::Died(last_words(child).await));
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
        load::rehearse(&mut self.connection, shared.limits.startup_timeout()).await
    }

    /// Whether the process still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
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
        tokio::spawn(output::discard(self.stdout));
        if let Some(stderr) = self.child.stderr.take() {
            tokio::spawn(output::discard(stderr));
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

    /// Gives the process its function, for the rest of its life. The worker comes with a request counted in, that of
    /// whoever starts it: so nobody ends it before it was of use.
    pub(crate) async fn serve(
        self,
        shared: &Arc<Shared>,
        request: &LoadRequest<'_>,
        function: &FunctionId,
        source: LogSource,
    ) -> Result<Arc<Worker>, LoadError> {
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
        // Before the module runs: one that writes a lot while it is imported would wait for a reader.
        let forward = output::Forward {
            source: source.clone(),
            host: Arc::clone(&shared.host),
            lines_per_second: shared.limits.max_log_lines_per_second,
            line_bytes: shared.limits.max_log_line_bytes,
        };
        shared
            .runtime
            .spawn(forward.clone().run(stdout, LogLine::Output));
        if let Some(stderr) = child.stderr.take() {
            shared.runtime.spawn(forward.run(stderr, LogLine::Engine));
        }
        if let Err(error) = load(shared, &mut child, &dir, &mut connection, request).await {
            let _ = child.kill().await;
            return Err(error);
        }
        // It belongs to the thread that started the process; whoever calls makes its own.
        drop(connection);
        let worker = Arc::new(Worker {
            function: source.function.clone(),
            charge,
            running_percent: AtomicU32::new(0),
            waiting_percent: AtomicU32::new(0),
            channels,
            connections,
            in_flight: InFlight::default(),
            leases: AtomicUsize::new(1),
            drained: Notify::new(),
            end: Notify::new(),
            last_used_ms: AtomicUsize::new(0),
            started: Instant::now(),
            crashed: AtomicBool::new(false),
        });
        shared.runtime.spawn(supervise(
            Arc::clone(shared),
            Arc::clone(&worker),
            child,
            dir,
            egress,
            function.clone(),
            source,
        ));
        Ok(worker)
    }
}

async fn load(
    shared: &Shared,
    child: &mut Child,
    dir: &WorkerDir,
    connection: &mut Connection,
    request: &LoadRequest<'_>,
) -> Result<Loaded, LoadError> {
    let loaded = load::load(connection, request, shared.limits.startup_timeout());
    let result = tokio::select! {
        result = loaded => result,
        status = child.wait() => return Err(LoadError::Crashed(describe(status, dir, &shared.limits))),
    };
    if !matches!(result, Err(LoadError::Died(_))) {
        return result;
    }
    // The connection of a process that ends closes before the end is seen.
    match tokio::time::timeout(PAUSE_AFTER_FAILURE, child.wait()).await {
        Ok(status) => Err(LoadError::Crashed(describe(status, dir, &shared.limits))),
        Err(_) => result,
    }
}

/// What the first process was found to be, before it had anything to do.
#[derive(Debug)]
pub(crate) struct Baseline {
    data_bytes: u64,
    compiled: Compiled,
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
        let mut blank = Blank::start_limited(shared, Purpose::Inspect, charge, None).await?;
        // Deno writes what it has compiled while the process goes on.
        blank.rehearse(shared).await?;
        let data_bytes = pid_of(&blank.child)
            .and_then(watch::data_size)
            .ok_or_else(|| LoadError::Died("the size of a blank worker is not known".to_owned()))?;
        blank.child.kill().await.map_err(died)?;
        let folder = shared.run_dir().join("compiled");
        let compiled = Compiled::take(&blank.dir.deno_dir(), folder).map_err(died)?;
        Ok(Self {
            data_bytes,
            compiled,
        })
    }
}

fn pid_of(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?))
}

/// Watches a process until it ends, by itself or because it is told to, and takes its calls to other functions.
async fn supervise(
    shared: Arc<Shared>,
    worker: Arc<Worker>,
    mut child: Child,
    dir: WorkerDir,
    egress: UnixListener,
    function: FunctionId,
    source: LogSource,
) {
    let pid = pid_of(&child);
    let at_limit = |what| shared.host.log(&source, LogLine::AtLimit(what));
    let breach = async {
        match pid {
            Some(pid) => watch::watch(&worker, pid, &dir, &shared.limits, at_limit).await,
            // It has ended already.
            None => std::future::pending().await,
        }
    };
    tokio::pin!(breach);
    let egress_connections = Arc::new(Semaphore::new(MAX_EGRESS_CONNECTIONS));
    let last_line = loop {
        tokio::select! {
            status = child.wait() => break Some(LogLine::Died(describe(status, &dir, &shared.limits))),
            breach = &mut breach => {
                // Before the process goes: whoever sees its connection close must find this said.
                worker.close_crashed();
                let _ = child.kill().await;
                break Some(LogLine::Breach(breach.to_string()));
            }
            () = worker.end.notified() => {
                let _ = child.kill().await;
                break None;
            }
            (stream, connection) = accept(&egress, &egress_connections) => {
                let caller = Caller {
                    function: source.function.clone(),
                    function_id: function.clone(),
                    worker: Arc::clone(&worker),
                    _connection: Arc::new(connection),
                };
                shared.host.egress(stream, caller);
            }
        }
    };
    if let Some(line) = last_line {
        worker.close_crashed();
        shared.host.log(&source, line);
    }
    worker.leases.fetch_or(CLOSED, Ordering::AcqRel);
    worker.channels.clear();
    worker.connections.clear();
    worker.charge.set(0);
}

/// The next connection to the functions domain, when the process may have one more.
async fn accept(
    egress: &UnixListener,
    connections: &Arc<Semaphore>,
) -> (UnixStream, OwnedSemaphorePermit) {
    loop {
        let permit = Arc::clone(connections).acquire_owned().await;
        match (permit, egress.accept().await) {
            (Ok(permit), Ok((stream, _))) => return (stream, permit),
            // Out of files, most likely: the semaphore is never closed.
            _ => tokio::time::sleep(PAUSE_AFTER_FAILURE).await,
        }
    }
}

fn describe(status: std::io::Result<ExitStatus>, dir: &WorkerDir, limits: &Limits) -> String {
    match status {
        Ok(status) if dir.group().is_some_and(ControlGroup::was_out_of_memory) => format!(
            "{status}: memory is over the limit of {} MiB (limits.max_memory_mib)",
            limits.max_memory_mib
        ),
        Ok(status) if is_out_of_memory(status) => format!(
            "{status}: out of memory, most likely (limits.max_heap_mib, limits.max_memory_mib)"
        ),
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    }
}

/// How V8, and Rust's allocator in Deno, end a process that gets no more memory.
fn is_out_of_memory(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    matches!(
        status.signal(),
        Some(libc::SIGTRAP | libc::SIGABRT | libc::SIGILL)
    )
}

/// Why a process ended before it listened.
async fn last_words(child: Child) -> String {
    match child.wait_with_output().await {
        Ok(output) => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            format!("{}: {}", output.status, stderr.trim())
        }
        Err(error) => error.to_string(),
    }
}
