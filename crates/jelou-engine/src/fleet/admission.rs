//! Admission: which requests of a function run, which requests wait, and which requests are rejected.
//!
//! There are three kinds of permits, each with its own limit: for a call until its response is complete, for a response
//! stream or WebSocket until its end, and for the worker memory of a request body. A stream has no call permit, so idle
//! streams do not delay calls. A request acquires memory before its call permit, so waiting uploads do not delay small
//! calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jelou_core::{FunctionLimits, cold_future};

use super::error::LeaseError;
use super::permits::Permits;
use super::scaling::Streams;
use crate::transport::{BodyBudget, BodyMemory};

/// Divisor of `limits.max_body_memory_mib` that gives the additional budget for medium bodies.
const MEDIUM_PART: usize = 4;

#[derive(Debug)]
pub(crate) struct Admission {
    calls: Permits,
    streams: Permits,
    /// Permits for memory, in KiB. Medium and large bodies have separate budgets, so that a body of 20 KiB does not wait
    /// behind a body of 10 MiB. The budgets do not grow with the number of processes, because all bodies may go to one
    /// process.
    medium_bodies: Permits,
    large_bodies: Permits,
    calls_waiting: AtomicUsize,
    bodies_waiting: AtomicUsize,
    max_waiting: usize,
    calls_per_process: usize,
    streams_per_process: usize,
    body_memory_mib: u64,
    max_body_wait: Duration,
    limits: Arc<FunctionLimits>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Call,
    Stream,
    Body(BodyBudget),
}

/// A permit of a function. Dropping it releases the permit.
#[derive(Debug)]
pub struct Permit {
    admission: Arc<Admission>,
    kind: Kind,
    count: u32,
    /// How long the request has waited for the permit.
    pub(crate) waited: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{open} response streams and WebSockets are open ({limit}, for each process)")]
pub struct TooManyStreams {
    pub open: usize,
    pub limit: String,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.permits(self.kind).give_back(self.count);
    }
}

impl Permit {
    pub(crate) fn admission(&self) -> &Arc<Admission> {
        &self.admission
    }

    /// Exchanges a call permit for a stream permit.
    pub(crate) fn become_stream(&mut self) -> Result<(), TooManyStreams> {
        let stream = self.admission.try_take(Kind::Stream);
        *self = stream.ok_or_else(|| self.admission.too_many_streams())?;
        Ok(())
    }
}

impl Admission {
    pub(crate) fn new(limits: Arc<FunctionLimits>) -> Self {
        let body_memory_mib = limits.body_memory_mib();
        let kib = |mib: u64| usize::try_from(mib * 1024).unwrap_or(usize::MAX >> 3);
        Self {
            calls: Permits::new(limits.max_concurrent_requests),
            streams: Permits::new(limits.max_concurrent_streams),
            medium_bodies: Permits::new(kib(body_memory_mib) / MEDIUM_PART),
            large_bodies: Permits::new(kib(body_memory_mib)),
            calls_waiting: AtomicUsize::new(0),
            bodies_waiting: AtomicUsize::new(0),
            max_waiting: limits.max_queued_requests,
            calls_per_process: limits.max_concurrent_requests,
            streams_per_process: limits.max_concurrent_streams,
            body_memory_mib,
            max_body_wait: limits.max_body_wait(),
            limits,
        }
    }

    /// Sets the number of permits for calls and streams according to the number of processes.
    pub(crate) fn set_processes(&self, count: usize) {
        let count = count.max(1);
        self.calls.set(count * self.calls_per_process);
        self.streams.set(count * self.streams_per_process);
    }

    /// Rejects new and waiting calls and bodies.
    pub(crate) fn close(&self) {
        self.calls.close();
        self.medium_bodies.close();
        self.large_bodies.close();
    }

    /// Waits for a call permit.
    pub(crate) async fn call(self: &Arc<Self>) -> Result<Permit, LeaseError> {
        if let Some(permit) = self.try_take(Kind::Call) {
            return Ok(permit);
        }
        let since = Instant::now();
        let waiting = Waiting::enter(&self.calls_waiting);
        if waiting.position > self.max_waiting && !self.calls.are_closed() {
            return Err(LeaseError::Overloaded {
                running: self.calls.count(),
                queued: self.max_waiting,
                limit: self.limits.describe("max_concurrent_requests"),
                queue_limit: self.limits.describe("max_queued_requests"),
            });
        }
        // `take` fails only after the slot is retired.
        cold_future(|| self.calls.take(1))
            .await
            .map_err(|_| LeaseError::Retired)?;
        let mut permit = self.permit(Kind::Call, 1);
        permit.waited = since.elapsed();
        Ok(permit)
    }

    /// Waits for the memory of a body. Returns `None` for a body that is too small to count.
    pub(crate) async fn body(
        self: &Arc<Self>,
        memory: BodyMemory,
    ) -> Result<Option<Permit>, LeaseError> {
        match memory.budget() {
            BodyBudget::Uncounted => Ok(None),
            budget => cold_future(|| self.take_memory(budget, memory))
                .await
                .map(Some),
        }
    }

    async fn take_memory(
        self: &Arc<Self>,
        budget: BodyBudget,
        memory: BodyMemory,
    ) -> Result<Permit, LeaseError> {
        let kind = Kind::Body(budget);
        let permits = self.permits(kind);
        let most = u32::try_from(permits.count()).unwrap_or(u32::MAX);
        let kib = memory.kib().min(most);
        if permits.try_take(kib) {
            return Ok(self.permit(kind, kib));
        }
        let refused = |waited| LeaseError::NoBodyMemory {
            wanted_mib: u64::from(kib).div_ceil(1024),
            limit_mib: self.body_memory_mib,
            limit: self.limits.describe("max_body_memory_mib"),
            waited,
        };
        let waiting = Waiting::enter(&self.bodies_waiting);
        if waiting.position > self.max_waiting && !permits.are_closed() {
            return Err(refused(Duration::ZERO));
        }
        match tokio::time::timeout(self.max_body_wait, permits.take(kib)).await {
            Ok(taken) => taken.map_err(|_| LeaseError::Retired)?,
            Err(_) => return Err(refused(self.max_body_wait)),
        }
        Ok(self.permit(kind, kib))
    }

    /// Checks whether a stream permit is free now.
    pub(crate) fn check_streams(&self) -> Result<(), TooManyStreams> {
        if self.streams.free() > 0 {
            return Ok(());
        }
        Err(self.too_many_streams())
    }

    fn too_many_streams(&self) -> TooManyStreams {
        TooManyStreams {
            open: self.streams.count(),
            limit: self.limits.describe("max_concurrent_streams"),
        }
    }

    /// Returns the number of calls that wait for a permit.
    pub(crate) fn waiting(&self) -> usize {
        self.calls_waiting.load(Ordering::Relaxed)
    }

    pub(crate) fn streams(&self) -> Streams {
        Streams {
            open: self.streams.count().saturating_sub(self.streams.free()),
            per_process: self.streams_per_process,
        }
    }

    fn try_take(self: &Arc<Self>, kind: Kind) -> Option<Permit> {
        self.permits(kind).try_take(1).then(|| self.permit(kind, 1))
    }

    fn permit(self: &Arc<Self>, kind: Kind, count: u32) -> Permit {
        Permit {
            admission: Arc::clone(self),
            kind,
            count,
            waited: Duration::ZERO,
        }
    }

    fn permits(&self, kind: Kind) -> &Permits {
        match kind {
            Kind::Call => &self.calls,
            Kind::Stream => &self.streams,
            Kind::Body(BodyBudget::Large) => &self.large_bodies,
            Kind::Body(_) => &self.medium_bodies,
        }
    }
}

/// A place in a queue. Dropping it releases the place, also when the wait is cancelled.
struct Waiting<'a> {
    queue: &'a AtomicUsize,
    position: usize,
}

impl<'a> Waiting<'a> {
    fn enter(queue: &'a AtomicUsize) -> Self {
        Self {
            queue,
            position: queue.fetch_add(1, Ordering::AcqRel) + 1,
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.queue.fetch_sub(1, Ordering::AcqRel);
    }
}
