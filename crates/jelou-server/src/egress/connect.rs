//! TCP connections to a target, directly or through the proxy with CONNECT (RFC 9110, section 9.3.6).

use std::io;
use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::error::EgressError;
use super::{CONNECT_TIMEOUT, Target};
use crate::config::ProxyUrl;

/// Maximum bytes of the head of the proxy's response.
const MAX_HEAD_BYTES: usize = 16 * 1024;

pub(super) async fn direct(
    host: &str,
    addresses: &[Ipv4Addr],
    port: u16,
) -> Result<TcpStream, EgressError> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect((*address, port))).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    let host = host.to_owned();
    Err(if last.kind() == io::ErrorKind::TimedOut {
        EgressError::Silent { host }
    } else {
        EgressError::Refused { host, source: last }
    })
}

/// Connects to `host` (an address or a name) through the proxy.
pub(super) async fn through(
    proxy: &ProxyUrl,
    host: &str,
    target: &Target,
) -> Result<TcpStream, EgressError> {
    let connecting = async {
        let mut stream = TcpStream::connect((proxy.host.as_str(), proxy.port)).await?;
        stream.set_nodelay(true)?;
        let authority = format!("{host}:{}", target.port);
        let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
        if let Some(authorization) = &proxy.authorization {
            request.push_str("Proxy-Authorization: ");
            request.push_str(authorization);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        let status = read_status(&mut stream).await?;
        Ok::<_, io::Error>((stream, status))
    };
    let (stream, status) = timeout(CONNECT_TIMEOUT, connecting)
        .await
        .map_err(|_| EgressError::NoProxy(io::ErrorKind::TimedOut.into()))?
        .map_err(EgressError::NoProxy)?;
    match status {
        200..300 => Ok(stream),
        407 => Err(EgressError::ProxyCredentials),
        status => Err(EgressError::ProxyRefused {
            host: target.host.clone(),
            status: status.to_string(),
        }),
    }
}

/// Reads the head of the proxy's response, byte by byte, because the bytes after the head come from the target.
async fn read_status(stream: &mut TcpStream) -> io::Result<u16> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_HEAD_BYTES {
            return Err(no_http());
        }
        head.push(stream.read_u8().await?);
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = std::str::from_utf8(line).map_err(|_| no_http())?;
    let status = line
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1))
        .and_then(|status| status.parse().ok());
    status.ok_or_else(no_http)
}

fn no_http() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "it does not answer as an HTTP proxy",
    )
}
