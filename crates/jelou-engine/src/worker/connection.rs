//! HTTP/1.1 connections to one worker, kept alive and used again.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use crate::RequestBody;

pub(crate) type Connection = SendRequest<RequestBody>;

#[derive(Debug)]
pub(crate) struct Connections {
    socket: PathBuf,
    max_head_bytes: usize,
    idle: Mutex<Vec<Connection>>,
}

impl Connections {
    /// `max_head_bytes` is the most that the head of a response may have.
    pub(crate) fn new(socket: &Path, max_head_bytes: usize) -> Self {
        Self {
            socket: socket.to_path_buf(),
            max_head_bytes,
            idle: Mutex::default(),
        }
    }

    /// An idle connection, or a new one.
    pub(crate) async fn take(&self) -> std::io::Result<Connection> {
        while let Some(mut connection) = self.pop() {
            // One whose last response has just ended may still be tidying up.
            if connection.ready().await.is_ok() {
                return Ok(connection);
            }
        }
        let stream = UnixStream::connect(&self.socket).await?;
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(self.max_head_bytes)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(std::io::Error::other)?;
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "connection to worker ended");
            }
        });
        Ok(sender)
    }

    pub(crate) fn give_back(&self, connection: Connection) {
        if !connection.is_closed() {
            self.lock().push(connection);
        }
    }

    /// Ends the idle connections.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn pop(&self) -> Option<Connection> {
        self.lock().pop()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
