//! One deployment of a function, ready to run: its processes, and the queue of requests for them.
//!
//! A deploy or a change of secrets makes a new slot and retires the old one, so what a slot runs never changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jelou_core::cold_future;

use super::error::LeaseError;
use super::lease::Lease;
use super::permits::Turn;
use super::processes::Processes;
use super::spec::LaunchSpec;
use crate::transport::CallFacts;

#[derive(Debug)]
pub struct Slot {
    processes: Arc<Processes>,
    queued: AtomicUsize,
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
    ///
    /// # Errors
    /// [`LeaseError`] names the reason: retired, overloaded, backing off, no memory, or a failed start.
    pub async fn lease(&self, call: &CallFacts<'_>) -> Result<Lease, LeaseError> {
        let turn = self.turn().await?;
        let worker = self.processes.enter().await?;
        let idle_timeout = self.processes.limits().stream_idle_timeout();
        Ok(Lease::new(worker, turn, call, idle_timeout))
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
        let limit = self.processes.limits().max_queued_requests;
        let queued = Queued::enter(&self.queued);
        if queued.position > limit && !turns.are_closed() {
            return Err(LeaseError::Overloaded {
                running: turns.count(),
                queued: limit,
            });
        }
        // There are turns until the slot is retired.
        cold_future(|| turns.take())
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
