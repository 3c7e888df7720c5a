//! One deployment of a function, ready to run: its processes, and the queue of requests for them.
//!
//! A deploy or a change of secrets makes a new slot and retires the old one, so what a slot runs never changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jelou_core::{DeploymentId, FunctionId, Slug, seldom};

use crate::ArtifactError;
use crate::capacity::budget::NoRoom;
use crate::fleet::in_flight::InFlightRequest;
use crate::processes::Processes;
use crate::turns::Turn;
use crate::worker::lease::Lease;
use crate::worker::load::LoadError;

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
    /// Which is not for the function to answer for.
    #[error("cannot start a process: {0}")]
    Process(#[source] LoadError),
    #[error("cannot start the function: {}", .0.brief())]
    Start(#[source] LoadError),
}

#[derive(Debug)]
pub struct Slot {
    processes: Arc<Processes>,
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
    pub(crate) fn new(processes: Arc<Processes>) -> Self {
        Self {
            processes,
            queued: AtomicUsize::new(0),
        }
    }

    pub fn spec(&self) -> &LaunchSpec {
        &self.processes.spec
    }

    /// A hold on a running process, started if there is none.
    pub async fn lease(&self, request: InFlightRequest) -> Result<Lease, LeaseError> {
        let turn = self.turn().await?;
        let worker = self.processes.lease().await?;
        let idle_timeout = self.processes.shared.limits.stream_idle_timeout();
        Ok(Lease::new(worker, turn, request, idle_timeout))
    }

    /// Takes no more requests, and sends those away that wait for their turn; ends the processes when those in flight are
    /// done.
    pub async fn retire(&self) {
        self.processes.retire().await;
    }

    async fn turn(&self) -> Result<Turn, LeaseError> {
        let turns = &self.processes.turns;
        if let Some(turn) = turns.try_take() {
            return Ok(turn);
        }
        let limit = self.processes.shared.limits.max_queued_requests;
        let queued = Queued::enter(&self.queued);
        if queued.position > limit && !turns.are_closed() {
            return Err(LeaseError::Overloaded {
                running: turns.count(),
                queued: limit,
            });
        }
        // There are turns until the slot is retired.
        seldom(|| turns.take())
            .await
            .map_err(|_| LeaseError::Retired)
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
