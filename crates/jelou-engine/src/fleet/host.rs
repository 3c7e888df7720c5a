//! What the engine needs from the server around it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jelou_core::{FunctionId, Slug};
use tokio::net::UnixStream;
use tokio::sync::OwnedSemaphorePermit;
use zeroize::Zeroizing;

use super::in_flight::InFlight;
use crate::logs::LogSink;

/// The server around the engine, which also takes the log lines.
pub trait Host: LogSink {
    /// Serves a connection that a function opened to the platform's own functions domain.
    fn egress(&self, stream: UnixStream, caller: Caller);

    /// The decrypted secrets of a function, for the memory of its own process.
    ///
    /// # Errors
    ///
    /// When they cannot be decrypted; the text says why.
    fn secrets(&self, function: &Slug) -> Result<BTreeMap<String, Zeroizing<String>>, String>;
}

/// The function that opened a connection on its egress socket.
#[derive(Debug, Clone)]
pub struct Caller {
    pub function: Slug,
    pub function_id: FunctionId,
    pub(super) in_flight: Arc<InFlight>,
    /// Counts towards the connections that a process may have open.
    pub(super) _connection: Arc<OwnedSemaphorePermit>,
}

impl Caller {
    /// The hops of the chain that a call on behalf of this request continues.
    pub fn hops_of(&self, parent_request: Option<&str>) -> u32 {
        self.in_flight.hops_of(parent_request)
    }

    /// The memory scope of a request; `None` when it is not in flight.
    pub fn memory_scope_of(&self, parent_request: &str) -> Option<String> {
        self.in_flight.memory_scope_of(parent_request)
    }
}
