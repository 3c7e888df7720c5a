//! The two ends of a channel: a socket for requests, and a pipe for answers.
//!
//! A unix socket tells its writer each time that the other end has read. Whoever listens to that is woken once more for
//! every call, to find that there is nothing to do. So the server watches its socket for what comes, and for room only
//! while there is none; and the worker, whose runtime listens to everything, writes its answers to a pipe, which is no
//! business of its event loop. Without a pipe, they come on the socket.

use std::fs::File;
use std::io::{ErrorKind, Read, Result, Write};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, Interest, ReadBuf};
use tokio::net::unix::pipe;

pub(super) struct Socket {
    stream: AsyncFd<UnixStream>,
    answers: Option<pipe::Receiver>,
    /// The same socket, while it is full.
    full: Option<AsyncFd<UnixStream>>,
}

impl Socket {
    pub(super) fn new(stream: tokio::net::UnixStream, answers: Option<File>) -> Result<Self> {
        let stream = stream.into_std()?;
        Ok(Self {
            stream: watch(stream, Interest::READABLE)?,
            answers: answers.map(pipe::Receiver::from_file).transpose()?,
            full: None,
        })
    }

    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize>> {
        if let Some(answers) = &mut self.answers {
            let mut room = ReadBuf::new(buffer);
            ready!(Pin::new(answers).poll_read(context, &mut room))?;
            return Poll::Ready(Ok(room.filled().len()));
        }
        loop {
            let mut guard = ready!(self.stream.poll_read_ready(context))?;
            match guard.get_inner().read(buffer) {
                Ok(count) => {
                    // Less than there was room for: there is no more, and no call is needed to find out.
                    if count < buffer.len() {
                        guard.clear_ready();
                    }
                    return Poll::Ready(Ok(count));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => guard.clear_ready(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    pub(super) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        loop {
            if let Some(full) = &self.full {
                let mut guard = ready!(full.poll_write_ready(context))?;
                match guard.get_inner().write(bytes) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => guard.clear_ready(),
                    written => {
                        self.full = None;
                        return Poll::Ready(written);
                    }
                }
                continue;
            }
            match self.stream.get_ref().write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let stream = self.stream.get_ref().try_clone()?;
                    self.full = Some(watch(stream, Interest::WRITABLE)?);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

#[expect(
    deprecated,
    reason = "deprecated for types that may name another file later, which a socket of the standard library does not"
)]
fn watch(stream: UnixStream, interest: Interest) -> Result<AsyncFd<UnixStream>> {
    AsyncFd::with_interest(stream, interest)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_full_socket_is_waited_for() {
        let (near, mut far) = tokio::net::UnixStream::pair().unwrap();
        let mut socket = Socket::new(near, None).unwrap();
        let sent: Vec<u8> = (0..4_000_000_u32)
            .map(|number| number.to_be_bytes()[3])
            .collect();
        let expected = sent.clone();
        let reading = tokio::spawn(async move {
            let mut come = vec![0; expected.len()];
            far.read_exact(&mut come).await.unwrap();
            far.write_all(b"end").await.unwrap();
            come == expected
        });
        let mut written = 0;
        while written < sent.len() {
            written += poll_fn(|context| socket.poll_write(context, &sent[written..]))
                .await
                .unwrap();
        }
        let mut buffer = [0; 16];
        let count = poll_fn(|context| socket.poll_read(context, &mut buffer))
            .await
            .unwrap();
        assert_eq!(&buffer[..count], b"end");
        assert!(reading.await.unwrap());
        let end = poll_fn(|context| socket.poll_read(context, &mut buffer)).await;
        assert_eq!(end.unwrap(), 0);
    }
}
