//! What a worker may reach by Deno's own permissions.

use std::path::{Path, PathBuf};

use crate::sandbox::Purpose;

/// IPv4 ranges that a function cannot connect to: this machine, private and shared networks, link-local (cloud
/// metadata included), multicast and reserved ranges (RFC 6890). Deno checks them after name resolution.
pub const DENIED_IPV4: [&str; 15] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
];

/// Deno takes no IPv6 ranges in this flag, only single addresses.
const DENIED_IPV6: [&str; 2] = ["[::]", "[::1]"];

/// Deno's permission flags. The rights on `home` are for the bootstrap alone, which gives them up before it imports
/// the function; what stays is the right to connect to the egress socket.
pub(crate) fn flags(
    purpose: Purpose,
    home: &Path,
    sockets: &[PathBuf],
    egress: &Path,
) -> Vec<String> {
    let paths = format!("{},{}", home.display(), egress.display());
    let mut flags = vec![
        format!("--allow-read={paths}"),
        format!("--allow-write={paths}"),
    ];
    if purpose == Purpose::Serve {
        let denied: Vec<_> = DENIED_IPV4.iter().chain(&DENIED_IPV6).copied().collect();
        flags.push("--allow-net".to_owned());
        flags.push(format!("--deny-net={}", denied.join(",")));
    } else {
        // Its own sockets and nothing else.
        let own: Vec<_> = sockets
            .iter()
            .map(|socket| format!("unix:{}", socket.display()))
            .collect();
        flags.push(format!("--allow-net={}", own.join(",")));
    }
    flags
}
