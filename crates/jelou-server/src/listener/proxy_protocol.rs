//! The PROXY protocol, versions 1 and 2. A TCP proxy sends the address of its caller before all other bytes
//! (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>).

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use ppp::{HeaderResult, PartialResult, v1, v2};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Maximum bytes of a header, including its extensions.
const MAX_HEADER_BYTES: usize = 4 * 1024;

/// Reads the header, if there is one, but no bytes after it. Returns the address of the caller. `None` without a
/// header, and for a connection that the proxy makes for itself.
pub(super) async fn caller(stream: &mut TcpStream) -> io::Result<Option<IpAddr>> {
    let mut buffer = [0; MAX_HEADER_BYTES];
    let mut pause = Pause::default();
    loop {
        let count = stream.peek(&mut buffer).await?;
        let given = &buffer[..count];
        if count == 0 || !may_be_header(given) {
            return Ok(None);
        }
        let header = HeaderResult::parse(given);
        if header.is_incomplete() && count < buffer.len() && !is_whole_line(given) {
            pause.wait().await;
            continue;
        }
        let (length, caller) = read(&header)?;
        stream.read_exact(&mut buffer[..length]).await?;
        return Ok(caller);
    }
}

fn may_be_header(given: &[u8]) -> bool {
    let begins = |prefix: &[u8]| given.starts_with(prefix) || prefix.starts_with(given);
    // With the space, because another protocol's first word may start with `PROXY`.
    begins(b"PROXY ") || begins(v2::PROTOCOL_PREFIX)
}

/// Whether a line of version 1 is complete. If it is invalid, further bytes cannot make it valid.
fn is_whole_line(given: &[u8]) -> bool {
    given.starts_with(b"PROXY ") && given.contains(&b'\n')
}

fn read(header: &HeaderResult<'_>) -> io::Result<(usize, Option<IpAddr>)> {
    match header {
        HeaderResult::V1(Ok(header)) => {
            let caller = match header.addresses {
                v1::Addresses::Tcp4(addresses) => Some(addresses.source_address.into()),
                v1::Addresses::Tcp6(addresses) => Some(addresses.source_address.into()),
                v1::Addresses::Unknown => None,
            };
            Ok((header.header.len(), caller))
        }
        HeaderResult::V2(Ok(header)) => {
            let caller = match (header.command, &header.addresses) {
                (v2::Command::Proxy, v2::Addresses::IPv4(addresses)) => {
                    Some(addresses.source_address.into())
                }
                (v2::Command::Proxy, v2::Addresses::IPv6(addresses)) => {
                    Some(addresses.source_address.into())
                }
                _ => None,
            };
            Ok((header.len(), caller))
        }
        HeaderResult::V1(Err(error)) => Err(malformed(error)),
        HeaderResult::V2(Err(error)) => Err(malformed(error)),
    }
}

fn malformed(error: &impl std::fmt::Display) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("PROXY protocol header: {error}"),
    )
}

/// The pause between two peeks at the first bytes. Peeked bytes keep the socket readable, so the runtime cannot wait
/// for more bytes. Each pause is longer than the previous one, so that many stalled connections cost little.
#[derive(Debug)]
pub(super) struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(Duration::from_millis(1))
    }
}

impl Pause {
    const LONGEST: Duration = Duration::from_millis(100);

    pub(super) async fn wait(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (2 * self.0).min(Self::LONGEST);
    }
}
