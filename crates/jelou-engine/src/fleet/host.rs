//! The engine's interface to the server.

use std::collections::BTreeMap;
use std::sync::Arc;

use jelou_core::{DeploymentId, FunctionId, PreviewId, Slug};
use tokio::net::UnixStream;
use tokio::sync::OwnedSemaphorePermit;
use zeroize::Zeroizing;

use crate::logs::LogSink;
use crate::worker::Usage;

/// The interface of the server to the engine. It also receives the log lines.
pub trait Host: LogSink {
    /// Serves a connection that a function opened on its egress socket.
    fn egress(&self, stream: UnixStream, caller: Caller);

    /// Returns the decrypted secrets of a function or of its preview, for one of its processes.
    ///
    /// # Errors
    ///
    /// When the secrets cannot be decrypted, or the preview is gone. The error text contains the reason.
    fn secrets(
        &self,
        function: &Slug,
        preview: Option<&PreviewId>,
    ) -> Result<BTreeMap<String, Zeroizing<String>>, String>;
}

/// The function that opened a connection on its egress socket.
#[derive(Debug, Clone)]
pub struct Caller {
    pub function: Slug,
    pub function_id: FunctionId,
    pub deployment: DeploymentId,
    /// The preview that the process belongs to.
    pub preview: Option<PreviewId>,
    pub(super) usage: Arc<Usage>,
    /// The permit of this connection: the number of open connections of a process is limited.
    pub(super) _connection: Arc<OwnedSemaphorePermit>,
}

impl Caller {
    /// Returns the number of hops before a call that this request of the function makes.
    pub fn hops_of(&self, parent_request: Option<&str>) -> u32 {
        self.usage.in_flight.hops_of(parent_request)
    }

    /// Whether the process handles this request.
    pub fn is_handling(&self, request: &str) -> bool {
        self.memory_scope_of(request).is_some()
    }

    /// Returns the scope of `ctx.memory` of a request, or `None` if the request is not in flight.
    pub fn memory_scope_of(&self, parent_request: &str) -> Option<String> {
        self.usage.in_flight.memory_scope_of(parent_request)
    }
}
