//! A process that has its function, until its end.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jelou_core::{FunctionId, Slug};
use rustix::process::Pid;
use tokio::net::{UnixListener, UnixStream};
use tokio::process::Child;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::command::WorkerDir;
use super::exit;
use super::watchdog::{self, Stage};
use crate::capacity::budget::Charge;
use crate::engine::Shared;
use crate::fleet::in_flight::InFlight;
use crate::logs::forward::Forward;
use crate::transport::channel::Channels;
use crate::transport::connection::Connections;
use crate::{Caller, LogLine};

/// Set in [`Worker::leases`] when the worker takes no more requests.
const CLOSED: usize = 1 << (usize::BITS - 1);

/// Connections to the functions domain that one process may have at a time: each is a file of the server's.
const MAX_EGRESS_CONNECTIONS: usize = 64;

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
    /// Told when the process has ended, as those who call it see.
    broken: Notify,
    /// Milliseconds since `started` when the last lease was given back.
    last_used_ms: AtomicUsize,
    started: Instant,
    /// Whether it ended by itself, or for a limit that it broke.
    crashed: AtomicBool,
}

/// A request that a worker has counted in. While there is one, nobody ends the worker for want of work.
#[derive(Debug)]
pub(crate) struct Counted(Arc<Worker>);

impl Deref for Counted {
    type Target = Arc<Worker>;

    fn deref(&self) -> &Arc<Worker> {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.release();
    }
}

impl Worker {
    /// The worker comes with a request counted in, that of whoever starts it: so nobody ends it before it was of use.
    pub(super) fn new(
        function: Slug,
        charge: Charge,
        channels: Channels,
        connections: Connections,
    ) -> Self {
        Self {
            function,
            charge,
            running_percent: AtomicU32::new(0),
            waiting_percent: AtomicU32::new(0),
            channels,
            connections,
            in_flight: InFlight::default(),
            leases: AtomicUsize::new(1),
            drained: Notify::new(),
            end: Notify::new(),
            broken: Notify::new(),
            last_used_ms: AtomicUsize::new(0),
            started: Instant::now(),
            crashed: AtomicBool::new(false),
        }
    }

    pub(super) fn supervised(
        self,
        process: Process,
        shared: &Arc<Shared>,
        function: &FunctionId,
        forward: Forward,
    ) -> Counted {
        let worker = Arc::new(self);
        shared.runtime.spawn(supervise(
            Arc::clone(shared),
            Arc::clone(&worker),
            process,
            function.clone(),
            forward,
        ));
        Counted(worker)
    }

    /// Counts a request in, unless the worker takes no more.
    pub(crate) fn try_lease(self: &Arc<Self>) -> Option<Counted> {
        if self.leases.fetch_add(1, Ordering::AcqRel) & CLOSED == 0 {
            return Some(Counted(Arc::clone(self)));
        }
        self.release();
        None
    }

    fn release(&self) {
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

    /// Takes no more requests: the process has closed a channel, which it does when it ends. Who calls after this gets
    /// another process, also where the end has not been seen yet.
    pub(super) fn close_broken(&self) {
        if self.is_open() {
            self.close_crashed();
            self.broken.notify_one();
        }
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

pub(super) fn pid_of(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?))
}

/// What the kernel and the file system have of a worker.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) child: Child,
    pub(super) dir: WorkerDir,
    /// Takes its calls to other functions.
    pub(super) egress: UnixListener,
}

/// Watches a process until it ends, by itself or because it is told to, and takes its calls to other functions.
async fn supervise(
    shared: Arc<Shared>,
    worker: Arc<Worker>,
    process: Process,
    function: FunctionId,
    forward: Forward,
) {
    let Process {
        mut child,
        dir,
        egress,
    } = process;
    let pid = pid_of(&child);
    let at_limit = |what| forward.say(LogLine::AtLimit(what));
    let breach = watchdog::watch(&worker, pid, &dir, Stage::Calls, &shared.limits, at_limit);
    tokio::pin!(breach);
    let egress_connections = Arc::new(Semaphore::new(MAX_EGRESS_CONNECTIONS));
    let last_line = loop {
        tokio::select! {
            status = child.wait() => break Some(LogLine::Died(exit::describe(status, &dir, &shared.limits))),
            breach = &mut breach => {
                // Before the process goes: whoever sees its connection close must find this said.
                worker.close_crashed();
                let _ = child.kill().await;
                break Some(LogLine::Breach(breach.to_string()));
            }
            () = worker.broken.notified() => break Some(end_broken(&mut child, &dir, &shared).await),
            () = worker.end.notified() => {
                let _ = child.kill().await;
                break None;
            }
            (stream, connection) = accept(&egress, &egress_connections) => {
                let caller = Caller {
                    function: forward.source.function.clone(),
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
        forward.say(line);
    }
    worker.leases.fetch_or(CLOSED, Ordering::AcqRel);
    worker.channels.clear();
    worker.connections.clear();
    worker.charge.set(0);
}

/// A process that has closed a channel ends by itself, or else because of it.
async fn end_broken(child: &mut Child, dir: &WorkerDir, shared: &Shared) -> LogLine {
    match exit::of_closed(child, dir, &shared.limits).await {
        Some(how) => LogLine::Died(how),
        None => {
            let _ = child.kill().await;
            LogLine::Breach("it closed the channel on which it takes calls".to_owned())
        }
    }
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
