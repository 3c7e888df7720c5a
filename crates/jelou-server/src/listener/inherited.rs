//! Listening sockets that the server gets from its service manager, such as systemd (`sd_listen_fds(3)`). They stay
//! open while the server restarts, so callers wait for the new server instead of being refused.

use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;
use rustix::io::{FdFlags, fcntl_setfd};

use super::ListenError;

/// The sockets that no listener uses yet.
#[derive(Debug, Default)]
pub struct InheritedSockets(Vec<(SocketAddr, TcpListener)>);

impl InheritedSockets {
    /// Takes the sockets that `LISTEN_FDS` announces to this process. Removes the variable, so the process must have no
    /// other threads yet.
    ///
    /// # Errors
    /// [`ListenError::Inherited`] if a socket is not a listening TCP socket.
    pub fn from_environment() -> Result<Self, ListenError> {
        let mut given = ListenFd::from_env();
        let mut sockets = Vec::with_capacity(given.len());
        for index in 0..given.len() {
            let taken = given.take_tcp_listener(index);
            let Some(listener) = taken.map_err(ListenError::Inherited)? else {
                continue;
            };
            let set = fcntl_setfd(&listener, FdFlags::CLOEXEC);
            set.map_err(|error| ListenError::Inherited(error.into()))?;
            let set = listener.set_nonblocking(true);
            set.map_err(ListenError::Inherited)?;
            let address = listener.local_addr().map_err(ListenError::Inherited)?;
            sockets.push((address, listener));
        }
        Ok(Self(sockets))
    }

    /// Returns the socket that listens on the address.
    pub(super) fn take(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let mut sockets = self.0.iter();
        let index = sockets.position(|(listened, _)| *listened == address)?;
        Some(self.0.swap_remove(index).1)
    }

    /// # Errors
    /// [`ListenError::Unused`] names a socket that no listener uses. Its callers would wait forever.
    pub(super) fn finish(self) -> Result<(), ListenError> {
        match self.0.first() {
            Some((address, _)) => Err(ListenError::Unused(*address)),
            None => Ok(()),
        }
    }
}
