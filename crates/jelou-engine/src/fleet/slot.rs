//! A slot: one deployment of a function in the engine, with its processes and the queue of requests for them.
//!
//! A deploy or a change of secrets creates a new slot and retires the old slot. So a slot never changes.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::admission::Permit;
use super::error::LeaseError;
use super::lease::Lease;
use super::processes::{Processes, SlotLoad};
use super::spec::LaunchSpec;
use super::warm::Warm;
use crate::transport::{BodyMemory, CallFacts};
use crate::worker::Loaded;

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

    /// Waits for the memory of a request body. Returns `None` for a small body.
    ///
    /// # Errors
    /// [`LeaseError`] when the wait is too long, or the slot is retired.
    pub async fn admit_body(&self, memory: BodyMemory) -> Result<Option<Permit>, LeaseError> {
        self.processes.admission.body(memory).await
    }

    /// Checks whether a response stream or WebSocket can be opened now.
    ///
    /// # Errors
    /// [`LeaseError::Streams`] when too many streams are open.
    pub fn check_streams(&self) -> Result<(), LeaseError> {
        Ok(self.processes.admission.check_streams()?)
    }

    /// Leases a running process. Starts a process if there is none. `body` is the permit for the request body.
    ///
    /// # Errors
    /// [`LeaseError`] names the reason: retired, overloaded, backing off, no memory, or a failed start.
    pub async fn lease(
        &self,
        call: &CallFacts<'_>,
        body: Option<Permit>,
    ) -> Result<Lease, LeaseError> {
        let permit = self.processes.admission.call().await?;
        let (entered, start) = self.processes.enter().await?;
        let idle_timeout = self.processes.limits().stream_idle_timeout();
        Ok(Lease::new(entered, start, permit, body, call, idle_timeout))
    }

    /// Replaces positions in the bundle by positions in the function's source files.
    pub async fn readable(&self, text: String) -> String {
        self.processes.readable(text).await
    }

    /// Returns the number of processes that accept requests.
    pub fn running(&self) -> usize {
        self.processes.running()
    }

    /// Returns the load of the deployment's processes.
    pub fn load(&self) -> SlotLoad {
        self.processes.load()
    }

    /// Starts processes before the first request, at most `count`, and fewer if memory is short.
    ///
    /// # Errors
    /// [`LeaseError`] when a process cannot be started, or cannot load its function.
    pub async fn warm(&self, count: usize) -> Result<Warm, LeaseError> {
        Warm::start(&self.processes, count).await
    }

    /// Starts a process before a request arrives, if there is none.
    ///
    /// # Errors
    /// [`LeaseError`] when a process cannot be started, or cannot load its function.
    pub async fn wake(&self) -> Result<Warm, LeaseError> {
        let (entered, _) = self.processes.enter().await?;
        Ok(Warm::of(entered))
    }

    /// Starts the first process and reads the function's manifest from it. Dropping the future ends the process.
    pub(crate) async fn start_described(
        &self,
        settings: &Map<String, Value>,
    ) -> Result<(Warm, Loaded), LeaseError> {
        Warm::start_described(&self.processes, settings).await
    }

    /// Stops accepting requests, and rejects requests that wait for a permit. Ends the processes after their requests
    /// in flight.
    pub async fn retire(&self) {
        self.processes.retire().await;
    }
}
