//! The byte stream of an HTTP connection to a worker. A worker may respond and close its end before it has read the
//! whole request. Then later writes are discarded without an error, so that the response can still be read.

use std::io::{ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;

#[derive(Debug)]
pub(crate) struct WorkerStream(pub(crate) UnixStream);

/// Returns `bytes`, as after a successful write, if the other end is closed.
fn ignoring_closed(written: Result<usize>, bytes: usize) -> Result<usize> {
    match written {
        Err(error) if is_closed(error.kind()) => Ok(bytes),
        written => written,
    }
}

fn is_closed(kind: ErrorKind) -> bool {
    // The error is `ConnectionReset` if the worker had unread bytes.
    matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}

impl AsyncRead for WorkerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for WorkerStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.0).poll_write(context, bytes);
        written.map(|written| ignoring_closed(written, bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.0).poll_write_vectored(context, slices);
        written
            .map(|written| ignoring_closed(written, slices.iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_response_is_read_after_the_worker_has_closed() {
        for unread in [&b""[..], b"some of the body"] {
            let (near, mut worker) = UnixStream::pair().unwrap();
            let mut stream = WorkerStream(near);
            stream.write_all(unread).await.unwrap();
            worker.write_all(b"answer").await.unwrap();
            drop(worker);
            stream.write_all(b"rest of the body").await.unwrap();
            let slices = [IoSlice::new(b"and "), IoSlice::new(b"more")];
            assert_eq!(stream.write_vectored(&slices).await.unwrap(), 8);
            let mut answer = [0; 6];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"answer");
            // The read returns the end of file or an error.
            assert_eq!(stream.read(&mut answer).await.unwrap_or_default(), 0);
        }
    }
}
