//! One deployment of a function, ready to run: its processes, and the queue of requests for them.
//!
//! A deploy or a change of secrets makes a new slot and retires the old one, so what a slot runs never changes.

use std::sync::Arc;

use super::admission::Permit;
use super::error::LeaseError;
use super::lease::Lease;
use super::processes::Processes;
use super::spec::LaunchSpec;
use crate::transport::{BodyMemory, CallFacts};

#[derive(Debug)]
pub struct Slot {
    processes: Arc<Processes>,
}

impl Slot {
    pub(crate) fn new(processes: Arc<Processes>) -> Self {
        Self { processes }
    }

    pub fn spec(&self) -> &LaunchSpec {
        &self.processes.spec
    }

    /// Waits until there is memory for a request's body; `None` for a small one.
    ///
    /// # Errors
    /// [`LeaseError`] when the wait is too long, or the slot is retired.
    pub async fn admit_body(&self, memory: BodyMemory) -> Result<Option<Permit>, LeaseError> {
        self.processes.admission.body(memory).await
    }

    /// Checks whether a response stream or WebSocket can be opened now.
    ///
    /// # Errors
    /// [`LeaseError::Streams`] when there are too many.
    pub fn check_streams(&self) -> Result<(), LeaseError> {
        Ok(self.processes.admission.check_streams()?)
    }

    /// A hold on a running process, started if there is none. `body` is the permit for the request's body.
    ///
    /// # Errors
    /// [`LeaseError`] names the reason: retired, overloaded, backing off, no memory, or a failed start.
    pub async fn lease(
        &self,
        call: &CallFacts<'_>,
        body: Option<Permit>,
    ) -> Result<Lease, LeaseError> {
        let permit = self.processes.admission.call().await?;
        let entered = self.processes.enter().await?;
        let idle_timeout = self.processes.limits().stream_idle_timeout();
        Ok(Lease::new(entered, permit, body, call, idle_timeout))
    }

    /// Takes no more requests, and rejects those that wait for a permit; ends the processes when those in flight are
    /// done.
    pub async fn retire(&self) {
        self.processes.retire().await;
    }
}
