//! HTTP/1.1 connections to one worker, kept alive and reused.
//!
//! The task that uses a connection also drives it. So a request needs no task switch and wakes no other thread.

use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode};
use hyper::body::{Body, Incoming};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustix::process::Pid;

use super::body::RequestBody;
use super::peer::connect;
use super::sharded::Sharded;
use super::stream::WorkerStream;

/// Maximum number of idle connections of a thread. Each connection takes a file descriptor of the process
/// (`limits.max_open_files`), and after a burst, fewer connections are needed.
const MAX_IDLE: usize = 8;

/// Buffer space for the status line and the end of a head, which do not count towards the limit of a head.
const STATUS_LINE_BYTES: usize = 1024;

pub(crate) struct Connection {
    sender: SendRequest<RequestBody>,
    driver: Driver,
}

struct Driver {
    work: Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>,
    /// Whether the connection is closed or upgraded. Then the future must not be polled again.
    ended: bool,
}

impl Driver {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.ended {
            return Poll::Ready(());
        }
        self.work.as_mut().poll(context).map(|ended| {
            self.ended = true;
            if let Err(error) = ended {
                tracing::debug!(%error, "connection to worker ended");
            }
        })
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    #[error("its answer has more than {limit} bytes")]
    TooLarge { limit: usize },
    #[error(transparent)]
    Ended(#[from] hyper::Error),
}

impl Connection {
    async fn open(socket: &Path, process: Pid, max_head_bytes: usize) -> std::io::Result<Self> {
        let stream = connect(socket, process).await?;
        let (sender, driver) = http1::Builder::new()
            // The exact limit is checked when the head is complete, because hyper's limit depends on the size of its
            // reads.
            .max_buf_size(max_head_bytes + STATUS_LINE_BYTES)
            .handshake(TokioIo::new(WorkerStream(stream)))
            .await
            .map_err(std::io::Error::other)?;
        Ok(Self {
            sender,
            driver: Driver {
                work: Box::pin(driver.with_upgrades()),
                ended: false,
            },
        })
    }

    /// Reads and writes as much as is possible now. Wakes the calling task when more is possible. Completes when the
    /// connection has ended.
    pub(crate) fn drive(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.driver.poll(context)
    }

    pub(crate) async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, TrySendError<Request<RequestBody>>> {
        let mut response = std::pin::pin!(self.sender.try_send_request(request));
        let driver = &mut self.driver;
        poll_fn(|context| {
            // If the connection ends, the future of the response also completes.
            let _ = driver.poll(context);
            response.as_mut().poll(context)
        })
        .await
    }

    /// Drives an upgraded connection in its own task.
    pub(crate) fn detach(mut self) {
        tokio::spawn(poll_fn(move |context| self.driver.poll(context)));
    }

    /// Sends a request and reads the complete response, whose body may have at most `max_bytes`.
    ///
    /// # Errors
    ///
    /// When the connection ends, or the body is larger.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<RequestBody>,
        max_bytes: usize,
    ) -> Result<(StatusCode, Bytes), ExchangeError> {
        let response = self.send(request).await.map_err(TrySendError::into_error)?;
        let (head, body) = response.into_parts();
        let mut bytes = BytesMut::new();
        let mut body = std::pin::pin!(body);
        while let Some(frame) = poll_fn(|context| {
            let _ = self.drive(context);
            body.as_mut().poll_frame(context)
        })
        .await
        {
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            if bytes.len() + data.len() > max_bytes {
                return Err(ExchangeError::TooLarge { limit: max_bytes });
            }
            bytes.extend_from_slice(&data);
        }
        Ok((head.status, bytes.freeze()))
    }

    /// Returns whether another request can be sent: the last exchange is complete, and the worker has not closed the
    /// connection.
    fn is_idle(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        self.drive(&mut context).is_pending() && self.sender.is_ready()
    }
}

#[derive(Debug)]
pub(crate) struct Connections {
    process: Pid,
    socket: PathBuf,
    max_head_bytes: usize,
    idle: Sharded<Vec<Connection>>,
}

impl Connections {
    /// Creates an empty set of connections. `max_head_bytes` limits the head of a response.
    pub(crate) fn new(process: Pid, socket: &Path, max_head_bytes: usize) -> Self {
        Self {
            process,
            socket: socket.to_path_buf(),
            max_head_bytes,
            idle: Sharded::default(),
        }
    }

    /// Returns the maximum bytes of a response head.
    pub(crate) fn max_head_bytes(&self) -> usize {
        self.max_head_bytes
    }

    /// Returns an idle connection, or opens a new one.
    ///
    /// # Errors
    ///
    /// When the worker cannot be connected to.
    pub(crate) async fn take(&self) -> std::io::Result<Connection> {
        while let Some(mut connection) = self.pop() {
            if connection.is_idle() {
                return Ok(connection);
            }
        }
        Connection::open(&self.socket, self.process, self.max_head_bytes).await
    }

    /// Stores the connection for another request, unless it is closed or there are already [`MAX_IDLE`] idle
    /// connections.
    pub(crate) fn give_back(&self, mut connection: Connection) {
        if !connection.is_idle() {
            return;
        }
        let mut idle = self.idle.own();
        if idle.len() < MAX_IDLE {
            idle.push(connection);
        }
    }

    /// Closes the idle connections.
    pub(crate) fn clear(&self) {
        for mut idle in self.idle.each() {
            idle.clear();
        }
    }

    fn pop(&self) -> Option<Connection> {
        self.idle.own().pop()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    use super::*;

    #[tokio::test]
    async fn the_number_of_idle_connections_is_limited() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sock");
        let listener = UnixListener::bind(&path).unwrap();
        let connections = Connections::new(rustix::process::getpid(), &path, 16 * 1024);
        let mut taken = Vec::new();
        let mut accepted = Vec::new();
        for _ in 0..3 * MAX_IDLE {
            taken.push(connections.take().await.unwrap());
            let (end, _) = listener.accept().await.unwrap();
            accepted.push(end.into_std().unwrap());
        }
        for connection in taken {
            connections.give_back(connection);
        }
        // The worker's end has received no bytes. So a read would block on an open connection, and returns 0 bytes on a
        // closed one.
        accepted.retain_mut(|end| {
            let read = end.read(&mut [0]);
            read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
        });
        assert_eq!(accepted.len(), MAX_IDLE);
    }

    #[tokio::test]
    async fn a_response_over_the_limit_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sock");
        let listener = UnixListener::bind(&path).unwrap();
        let connections = Connections::new(rustix::process::getpid(), &path, 16 * 1024);
        let answering = tokio::spawn(async move {
            let mut answered = Vec::new();
            for _ in 0..2 {
                let (mut end, _) = listener.accept().await.unwrap();
                assert!(end.read(&mut [0; 1024]).await.unwrap() > 0);
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12345";
                end.write_all(answer).await.unwrap();
                answered.push(end);
            }
            answered
        });
        let mut exchanged = Vec::new();
        for limit in [5, 4] {
            let mut connection = connections.take().await.unwrap();
            let request = Request::new(RequestBody::empty());
            exchanged.push(connection.exchange(request, limit).await);
        }
        assert_eq!(exchanged[0].as_ref().unwrap().1, "12345");
        let error = exchanged[1].as_ref().unwrap_err();
        assert_eq!(error.to_string(), "its answer has more than 4 bytes");
        drop(answering.await.unwrap());
    }
}
