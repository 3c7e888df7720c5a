//! Buffers frames for the worker, and writes them to its socket.
//!
//! Frames are written in batches of limited size. The worker starts on the first batch while the gateway fills the
//! next.
//!
//! A unix socket signals writability after each read by the other end. A task that polls for writability would wake up
//! once more for every call. Therefore the socket is polled only while it is full.

use std::io::{ErrorKind, Result, Write};
use std::mem::swap;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::watched;

/// Maximum capacity of an empty buffer, in bytes. A larger capacity is released.
const MAX_EMPTY_BYTES: usize = 256 * 1024;
/// Number of requests in a complete batch.
const BATCH_REQUESTS: usize = 8;
/// Maximum bytes of a batch that the task of a request writes. A larger batch would fill the socket, so the driver
/// writes it.
const EARLY_BYTES: usize = 32 * 1024;

#[derive(Debug)]
pub(super) struct FrameWriter {
    socket: Arc<UnixStream>,
    /// A duplicate of the socket for polling; `Some` only while the socket is full.
    full: Option<AsyncFd<UnixStream>>,
    /// The current batch, and the number of its written bytes.
    writing: Vec<u8>,
    written: usize,
    /// The next batch.
    frames: Vec<u8>,
    /// Number of requests in `frames`.
    requests: usize,
}

impl FrameWriter {
    pub(super) fn new(socket: Arc<UnixStream>) -> Self {
        Self {
            socket,
            full: None,
            writing: Vec::new(),
            written: 0,
            frames: Vec::new(),
            requests: 0,
        }
    }

    /// Returns the number of buffered bytes.
    pub(super) fn waiting(&self) -> usize {
        self.writing.len() - self.written + self.frames.len()
    }

    /// Adds a frame to the buffer.
    pub(super) fn put(&mut self, frame: impl FnOnce(&mut Vec<u8>)) {
        frame(&mut self.frames);
    }

    /// Adds a request. Writes the batch if it is complete or `at_once` is set. [`FrameWriter::poll_flush`] writes the
    /// rest.
    pub(super) fn put_request(&mut self, at_once: bool, request: impl FnOnce(&mut Vec<u8>)) {
        self.put(request);
        self.requests += 1;
        let goes = at_once || self.requests >= BATCH_REQUESTS;
        if goes && self.writing.is_empty() && self.frames.len() <= EARLY_BYTES {
            // The next flush returns the same error.
            let _ = self.write();
        }
    }

    /// Writes the buffer. Completes when the buffer is empty.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        while self.waiting() > 0 {
            if let Some(full) = &self.full {
                drop(ready!(full.poll_write_ready(context))?);
                self.full = None;
            }
            match self.write() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.full = Some(watched(self.socket.try_clone()?, Interest::WRITABLE)?);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                written => written?,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Makes one write call for the current batch, or for the next batch if the current one is written.
    fn write(&mut self) -> Result<()> {
        if self.writing.is_empty() {
            swap(&mut self.writing, &mut self.frames);
            self.requests = 0;
        }
        self.written += (&*self.socket).write(&self.writing[self.written..])?;
        if self.written == self.writing.len() {
            self.writing.clear();
            self.writing.shrink_to(MAX_EMPTY_BYTES);
            self.written = 0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Read;

    use super::*;

    #[tokio::test]
    async fn a_flush_waits_for_a_full_socket() {
        let (near, mut far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let mut writer = FrameWriter::new(Arc::new(near));
        let sent: Vec<u8> = (0..4_000_000_u32)
            .map(|number| number.to_be_bytes()[3])
            .collect();
        let expected = sent.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let mut come = vec![0; expected.len()];
            far.read_exact(&mut come).unwrap();
            come == expected
        });
        writer.put(|frames| frames.extend_from_slice(&sent));
        poll_fn(|context| writer.poll_flush(context)).await.unwrap();
        assert_eq!(writer.waiting(), 0);
        assert!(reading.await.unwrap());
    }
}
