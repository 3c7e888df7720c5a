//! Counts and limits the open connections, in total and per address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv6Addr, Shutdown};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::log_limit::LogLimit;

/// File descriptors that the default limit reserves for everything but callers: the store, workers, builds.
const RESERVED_FILES: u64 = 1_000;
/// Maximum log lines per second about refused connections.
const MAX_LINES_PER_SECOND: u64 = 1;

/// Counts the connections of all listeners.
#[derive(Debug)]
pub(crate) struct Connections {
    max: usize,
    max_per_address: usize,
    open: AtomicUsize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
    refusals_logged: LogLimit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ConnectionLimit {
    #[error("{max} connections are open (connections.max, a server setting)")]
    Total { max: usize },
    #[error(
        "{max} connections of {address} are open (connections.max_per_address, a server setting)"
    )]
    OfAddress { max: usize, address: IpAddr },
}

/// An open connection. It is counted until it is dropped.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    connections: Arc<Connections>,
    address: Option<IpAddr>,
}

impl Connections {
    /// Creates the counter. Without `max`, the limit is derived from the process's limit of file descriptors.
    pub(crate) fn new(max: Option<usize>, max_per_address: usize) -> Arc<Self> {
        Arc::new(Self {
            max: max.unwrap_or_else(by_file_descriptors),
            max_per_address,
            open: AtomicUsize::new(0),
            by_address: Mutex::default(),
            refusals_logged: LogLimit::default(),
        })
    }

    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Returns the maximum number of open connections.
    pub(crate) fn max(&self) -> usize {
        self.max
    }

    pub(super) fn enter(self: &Arc<Self>) -> Result<ConnectionPermit, ConnectionLimit> {
        let permit = ConnectionPermit {
            connections: Arc::clone(self),
            address: None,
        };
        if self.open.fetch_add(1, Ordering::AcqRel) >= self.max {
            return Err(ConnectionLimit::Total { max: self.max });
        }
        Ok(permit)
    }

    /// Logs a refusal, unless there are too many in a second.
    pub(super) fn log(&self, refused: &ConnectionLimit, peer: IpAddr) {
        let allowed = self.refusals_logged.count(MAX_LINES_PER_SECOND);
        if allowed.line {
            let others = allowed.dropped.unwrap_or_default();
            tracing::warn!(%peer, reason = %refused, others, "connection refused");
        }
    }
}

impl ConnectionPermit {
    /// Also counts the connection for its address. Loopback addresses have no limit, because local proxies and tunnels
    /// carry the connections of many callers.
    pub(super) fn count_for(&mut self, address: IpAddr) -> Result<(), ConnectionLimit> {
        let address = network_of(address);
        if address.is_loopback() {
            return Ok(());
        }
        let max = self.connections.max_per_address;
        let mut by_address = self.connections.lock();
        let open = by_address.entry(address).or_default();
        if *open >= max {
            return Err(ConnectionLimit::OfAddress { max, address });
        }
        *open += 1;
        self.address = Some(address);
        Ok(())
    }
}

impl Connections {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.connections.open.fetch_sub(1, Ordering::AcqRel);
        if let Some(address) = self.address
            && let Entry::Occupied(mut open) = self.connections.lock().entry(address)
        {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
            }
        }
    }
}

/// Returns the address to count for. For IPv6 that is the /64 network, because one caller usually has a whole one.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        address => address,
    }
}

fn by_file_descriptors() -> usize {
    let limits = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let files = limits.maximum.or(limits.current).unwrap_or(65_536);
    usize::try_from(files.saturating_sub(RESERVED_FILES).max(files / 2)).unwrap_or(usize::MAX)
}

/// Sends the reason of the refusal to the caller, as far as that is possible without waiting. A TLS connection is
/// closed without a reason.
pub(super) fn refuse(
    mut stream: &std::net::TcpStream,
    refused: &ConnectionLimit,
    is_encrypted: bool,
) {
    if is_encrypted || stream.set_nonblocking(true).is_err() {
        return;
    }
    let (status, body) = match refused {
        ConnectionLimit::Total { .. } => (
            "503 Service Unavailable",
            r#"{"error":"Too many connections"}"#,
        ),
        ConnectionLimit::OfAddress { .. } => (
            "429 Too Many Requests",
            r#"{"error":"Too many connections from this address"}"#,
        ),
    };
    // Reads the received bytes, because closing a socket with unread bytes resets the connection, and the caller would
    // lose the response.
    let mut arrived = [0; 16 * 1024];
    while stream.read(&mut arrived).is_ok_and(|count| count > 0) {}
    let length = body.len();
    let _ = stream.write_all(
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nRetry-After: 1\r\nConnection: close\r\n\r\n{body}"
        )
        .as_bytes(),
    );
    let _ = stream.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn connections_count_until_they_end() {
        let connections = Connections::new(Some(2), 10);
        let first = connections.enter().unwrap();
        let _second = connections.enter().unwrap();
        let refused = connections.enter().unwrap_err();
        assert_eq!(refused, ConnectionLimit::Total { max: 2 });
        drop(first);
        let _third = connections.enter().unwrap();
    }

    #[test]
    fn an_address_has_a_limit_of_its_own() {
        let connections = Connections::new(Some(100), 2);
        let enter = |text: &str| {
            let mut permit = connections.enter().unwrap();
            permit.count_for(address(text)).map(|()| permit)
        };
        let first = enter("192.0.2.1").unwrap();
        let mut open = vec![enter("::ffff:192.0.2.1").unwrap()];
        assert!(enter("192.0.2.1").is_err());
        open.push(enter("192.0.2.2").unwrap());
        drop(first);
        open.push(enter("192.0.2.1").unwrap());

        // A /64 network of IPv6 is counted as one address.
        open.push(enter("2001:db8::1").unwrap());
        open.push(enter("2001:db8::2").unwrap());
        assert!(enter("2001:db8::3").is_err());
        open.push(enter("2001:db8:0:1::1").unwrap());

        open.extend((0..5).map(|_| enter("127.0.0.1").unwrap()));
        drop(open);
        assert!(connections.lock().is_empty());
        assert_eq!(connections.open.load(Ordering::Acquire), 0);
    }
}
