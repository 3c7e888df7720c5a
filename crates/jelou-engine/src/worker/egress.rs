//! The connections that a worker opens to the functions domain.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections that one process may have open: each takes a file descriptor of the server.
const MAX_CONNECTIONS: usize = 64;

/// Pause after a failed accept, most likely because file descriptors are exhausted.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Takes each connection. Its permit is held as long as the connection is open.
pub(crate) type EgressHandler = Box<dyn Fn(UnixStream, OwnedSemaphorePermit) + Send + Sync>;

/// Accepts the connections of one worker.
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

    /// The next connection, as soon as the worker may have another one.
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
