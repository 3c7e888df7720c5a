//! What a worker may reach.

use std::path::Path;

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

/// What a worker's process is for, which decides its rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Serves requests: may reach the public network.
    Serve,
    /// Reads the manifest: no network at all.
    Inspect,
}

/// Deno's permission flags. The rights on `dir` are for the bootstrap alone, which gives them up before it imports
/// the function; what stays is the right to connect to the egress socket.
pub(crate) fn flags(purpose: Purpose, dir: &Path, socket: &Path, egress: &Path) -> Vec<String> {
    let paths = format!("{},{}", dir.display(), egress.display());
    let mut flags = vec![
        format!("--allow-read={paths}"),
        format!("--allow-write={paths}"),
    ];
    match purpose {
        Purpose::Serve => {
            let denied: Vec<_> = DENIED_IPV4.iter().chain(&DENIED_IPV6).copied().collect();
            flags.push("--allow-net".to_owned());
            flags.push(format!("--deny-net={}", denied.join(",")));
        }
        // Its own socket and nothing else.
        Purpose::Inspect => flags.push(format!("--allow-net=unix:{}", socket.display())),
    }
    flags
}
