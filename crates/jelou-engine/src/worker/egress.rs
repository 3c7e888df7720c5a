//! Accepts the connections of a worker to its egress socket.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Maximum open connections of one process, because each takes a file descriptor of the server.
const MAX_CONNECTIONS: usize = 64;

/// Pause after a failed accept. The likely cause is a lack of file descriptors.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// A callback for each connection. It must not drop the permit while the connection is open.
pub(crate) type EgressHandler = Box<dyn Fn(UnixStream, OwnedSemaphorePermit) + Send + Sync>;

/// The listener of one worker's egress socket, with the permits for its connections.
#[derive(Debug)]
pub(super) struct EgressListener {
    listener: UnixListener,
    permits: Arc<Semaphore>,
}

impl EgressListener {
    pub(super) fn new(listener: UnixListener) -> Self {
        Self {
            listener,
            permits: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        }
    }

    /// Waits until the worker may open another connection, and accepts it.
    pub(super) async fn accept(&self) -> (UnixStream, OwnedSemaphorePermit) {
        loop {
            let permit = Arc::clone(&self.permits).acquire_owned().await;
            match (permit, self.listener.accept().await) {
                (Ok(permit), Ok((stream, _))) => return (stream, permit),
                // The semaphore is never closed.
                _ => tokio::time::sleep(PAUSE_AFTER_FAILURE).await,
            }
        }
    }
}
