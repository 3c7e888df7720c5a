//! Connects to a worker's socket, and checks which process listens on it.

use std::io::{Error, ErrorKind, Result};
use std::path::Path;

use rustix::process::Pid;
use tokio::net::UnixStream;

/// Connects to a socket on which `process` must listen. A worker can write to the folder of its socket. If it has
/// broken out of Deno, it could put a link to another worker's socket there. Without the check, the server would then
/// send requests to a function for which the callers have no token.
///
/// # Errors
///
/// When no process listens, or another process than `process`.
pub(crate) async fn connect(socket: &Path, process: Pid) -> Result<UnixStream> {
    let stream = UnixStream::connect(socket).await?;
    // The peer is the process that called listen(2) (unix(7), SO_PEERCRED).
    if stream.peer_cred()?.pid() == Some(process.as_raw_nonzero().get()) {
        return Ok(stream);
    }
    Err(Error::new(
        ErrorKind::PermissionDenied,
        "another process listens on the worker's socket",
    ))
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixListener;

    use super::*;

    #[tokio::test]
    async fn a_socket_of_another_process_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sock");
        let _listener = UnixListener::bind(&path).unwrap();
        assert!(connect(&path, rustix::process::getpid()).await.is_ok());
        let other = rustix::process::getppid().unwrap();
        let error = connect(&path, other).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    }
}
