//! Reads the bytes of the worker's answers.
//!
//! The worker's runtime polls its sockets for writability, so each read of the server from the socket would wake the
//! worker ([`super::writer`]). Therefore the worker writes answers to a pipe, which its event loop does not poll. If
//! there is no pipe, answers arrive on the socket.

use std::fs::File;
use std::io::{ErrorKind, Read, Result};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, Interest, ReadBuf};
use tokio::net::unix::pipe;

use super::watched;

pub(super) enum Reader {
    Pipe(pipe::Receiver),
    Socket(AsyncFd<Arc<UnixStream>>),
}

impl Reader {
    pub(super) fn new(socket: Arc<UnixStream>, pipe: Option<File>) -> Result<Self> {
        match pipe {
            Some(pipe) => pipe::Receiver::from_file(pipe).map(Self::Pipe),
            None => watched(socket, Interest::READABLE).map(Self::Socket),
        }
    }

    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize>> {
        let socket = match self {
            Self::Socket(socket) => socket,
            Self::Pipe(pipe) => {
                let mut room = ReadBuf::new(buffer);
                ready!(Pin::new(pipe).poll_read(context, &mut room))?;
                return Poll::Ready(Ok(room.filled().len()));
            }
        };
        loop {
            let mut guard = ready!(socket.poll_read_ready(context))?;
            match (&**guard.get_inner()).read(buffer) {
                Ok(count) => {
                    // A short read has emptied the socket, so another read would only return `WouldBlock`.
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
}
