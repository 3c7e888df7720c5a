//! The way to the worker: frames that wait, and the socket on which they go.
//!
//! Frames that come together go in one write, but not all of them: the worker begins with the first while the gateway
//! puts the next.
//!
//! A unix socket tells its writer each time that the other end has read. Whoever listens to that is woken once more for
//! every call, to find that there is nothing to do. So the socket is watched for room only while there is none.

use std::io::{ErrorKind, Result, Write};
use std::mem::swap;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::watched;

/// Capacity that a buffer keeps when nothing waits.
const KEPT_BYTES: usize = 256 * 1024;
/// Requests that wait for each other.
const TOGETHER: usize = 8;
/// Bytes that are written before the driver does: more would fill the socket.
const EARLY_BYTES: usize = 32 * 1024;

#[derive(Debug)]
pub(super) struct FrameWriter {
    socket: Arc<UnixStream>,
    /// The same socket while it is full, watched for room.
    full: Option<AsyncFd<UnixStream>>,
    /// What is being written, and how much of it has been.
    writing: Vec<u8>,
    written: usize,
    /// What comes behind it.
    frames: Vec<u8>,
    /// Requests among `frames`.
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

    /// Bytes that wait.
    pub(super) fn waiting(&self) -> usize {
        self.writing.len() - self.written + self.frames.len()
    }

    /// Adds a frame to those that wait.
    pub(super) fn put(&mut self, frame: impl FnOnce(&mut Vec<u8>)) {
        frame(&mut self.frames);
    }

    /// Adds a request. It goes at once, with all that wait, if there are enough of them or none is to be waited for. What
    /// still waits then is for [`FrameWriter::poll_flush`], as what was only put is.
    pub(super) fn put_request(&mut self, at_once: bool, request: impl FnOnce(&mut Vec<u8>)) {
        self.put(request);
        self.requests += 1;
        let goes = at_once || self.requests >= TOGETHER;
        if goes && self.writing.is_empty() && self.frames.len() <= EARLY_BYTES {
            // Who flushes finds the same error.
            let _ = self.write();
        }
    }

    /// Ready when nothing waits.
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

    /// Writes once.
    fn write(&mut self) -> Result<()> {
        if self.writing.is_empty() {
            swap(&mut self.writing, &mut self.frames);
            self.requests = 0;
        }
        self.written += (&*self.socket).write(&self.writing[self.written..])?;
        if self.written == self.writing.len() {
            self.writing.clear();
            self.writing.shrink_to(KEPT_BYTES);
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
    async fn a_full_socket_is_waited_for() {
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
