//! Firewall rules (nftables) for the user ids of processes. They block the addresses that Deno refuses, for a process
//! that has broken out of Deno.
//!
//! The table belongs to this server and matches only the user ids of the server's processes. A process with additional
//! openings gets a chain for its user id, until the id is returned.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use ipnet::IpNet;

use crate::denied_addresses::Opening;

/// Name of the nftables map from a user id to the chain of this id.
const OWN: &str = "own";

/// Folders with administration programs, which may be missing in the server's `PATH`.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/// The rules for one server's processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Firewall {
    pub(crate) users: RangeInclusive<u32>,
    pub(crate) denied: Vec<IpNet>,
    /// DNS resolvers, which may have private addresses.
    pub(crate) resolvers: Vec<IpAddr>,
    pub(crate) ipv6: bool,
    /// Whether the processes may answer connections over loopback.
    pub(crate) debugger: bool,
}

impl Firewall {
    /// Installs the rules. Atomically replaces the rules of an earlier server.
    pub(crate) fn install(&self) -> Result<(), String> {
        nft(&["-f", "-"], &self.rules())
    }

    /// Returns why the rules cannot be installed, or `None` if they can. The kernel checks the rules and changes
    /// nothing.
    pub(crate) fn missing(&self) -> Option<String> {
        nft(&["-c", "-f", "-"], &self.rules()).err()
    }

    pub(crate) fn remove(&self) {
        if let Err(error) = nft(&["-f", "-"], &format!("delete table {}\n", self.table())) {
            tracing::warn!(error, "cannot remove the firewall's table");
        }
    }

    /// Adds a chain that accepts the openings of one user id. It is evaluated before the rules for all user ids.
    pub(crate) fn open(&self, user: u32, openings: &[Opening]) -> Result<OwnChain, String> {
        let chain = OwnChain {
            table: self.table(),
            user,
        };
        nft(&["-f", "-"], &chain.rules(openings))?;
        Ok(chain)
    }

    /// Returns the name of the table. The first user id in it is unique to this server.
    fn table(&self) -> String {
        format!("inet jelou_{}", self.users.start())
    }

    fn rules(&self) -> String {
        let table = self.table();
        let (first, last) = (self.users.start(), self.users.end());
        let mut rules = String::new();
        for resolver in &self.resolvers {
            let family = if resolver.is_ipv4() { "ip" } else { "ip6" };
            if resolver.is_ipv4() || self.ipv6 {
                let _ = writeln!(
                    rules,
                    "    {family} daddr {resolver} meta l4proto {{ tcp, udp }} th dport 53 accept"
                );
            }
        }
        if self.debugger {
            // Accepts every packet except the first of a connection that the process opens.
            rules.push_str("    ip daddr 127.0.0.1 tcp flags & (syn | ack) != syn accept\n");
        }
        let mut refuse = |what: &str| {
            let _ = writeln!(rules, "    {what} reject with icmpx type admin-prohibited");
        };
        let (ipv4, ipv6): (Vec<_>, Vec<_>) = self
            .denied
            .iter()
            .copied()
            .partition(|net| net.addr().is_ipv4());
        for (family, denied) in [("ip", ipv4), ("ip6", ipv6)] {
            let denied: Vec<_> = denied.iter().map(ToString::to_string).collect();
            if family == "ip6" && !self.ipv6 {
                refuse("meta nfproto ipv6");
            } else if !denied.is_empty() {
                refuse(&format!("{family} daddr {{ {} }}", denied.join(", ")));
            }
        }
        // `delete` fails without a table, so the table is created first.
        format!(
            "table {table}\n\
             delete table {table}\n\
             table {table} {{\n\
             \x20 map {OWN} {{\n\
             \x20   type uid : verdict\n\
             \x20 }}\n\
             \x20 chain output {{\n\
             \x20   type filter hook output priority filter; policy accept;\n\
             \x20   meta skuid {first}-{last} jump functions\n\
             \x20 }}\n\
             \x20 chain functions {{\n\
             \x20   meta skuid vmap @{OWN}\n\
             {rules}\
             \x20 }}\n\
             }}\n"
        )
    }
}

/// The nftables chain of one user id. Packets of other user ids do not traverse it.
#[derive(Debug)]
pub(crate) struct OwnChain {
    table: String,
    user: u32,
}

impl OwnChain {
    fn rules(&self, openings: &[Opening]) -> String {
        let Self { table, user } = self;
        let mut rules = String::new();
        for Opening { network, port } in openings {
            let port = port.map_or_else(String::new, |port| {
                format!(" meta l4proto {{ tcp, udp }} th dport {port}")
            });
            let family = if network.addr().is_ipv4() {
                "ip"
            } else {
                "ip6"
            };
            let _ = writeln!(rules, "    {family} daddr {network}{port} accept");
        }
        format!(
            "table {table} {{\n\
             \x20 chain user_{user} {{\n\
             {rules}\
             \x20 }}\n\
             }}\n\
             add element {table} {OWN} {{ {user} : jump user_{user} }}\n"
        )
    }

    pub(crate) fn close(&self) -> Result<(), String> {
        let Self { table, user } = self;
        nft(
            &["-f", "-"],
            &format!(
                "delete element {table} {OWN} {{ {user} }}\n\
                 flush chain {table} user_{user}\n\
                 delete chain {table} user_{user}\n"
            ),
        )
    }
}

/// Returns the DNS resolvers in the text of a `resolv.conf(5)`.
pub(crate) fn resolvers(text: &str) -> Vec<IpAddr> {
    let addresses = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = words
            .next()
            .filter(|word| *word == "nameserver")
            .and(words.next())?;
        // A link-local address ends with `%` and a zone.
        address.split('%').next()?.parse().ok()
    });
    let addresses: Vec<_> = addresses.collect();
    if addresses.is_empty() {
        // The C library's default (resolv.conf(5)).
        return vec![IpAddr::from([127, 0, 0, 1])];
    }
    addresses
}

fn nft(arguments: &[&str], input: &str) -> Result<(), String> {
    let program = FOLDERS
        .map(|folder| PathBuf::from(folder).join("nft"))
        .into_iter()
        .find(|program| program.is_file())
        .ok_or("nft is not installed")?;
    let run = || {
        let mut process = Command::new(&program)
            .args(arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = process.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        process.wait_with_output()
    };
    let output = run().map_err(|error| format!("nft: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    // The other lines repeat the rules.
    let first = stderr.lines().next().unwrap_or_default();
    Err(format!("nft refuses the rules: {first}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::denied_addresses::denied_networks;

    fn firewall(ipv6: bool) -> Firewall {
        Firewall {
            users: 600_000..=659_999,
            denied: ["127.0.0.0/8", "10.0.0.0/9", "::/96", "fc00::/7"]
                .map(|range| range.parse().unwrap())
                .to_vec(),
            resolvers: resolvers("nameserver 10.0.0.2\nnameserver fe80::1%eth0\n"),
            ipv6,
            debugger: false,
        }
    }

    #[test]
    fn the_rules_match_the_policy() {
        let rules = "table inet jelou_600000\n\
                     delete table inet jelou_600000\n\
                     table inet jelou_600000 {\n\
                     \x20 map own {\n\
                     \x20   type uid : verdict\n\
                     \x20 }\n\
                     \x20 chain output {\n\
                     \x20   type filter hook output priority filter; policy accept;\n\
                     \x20   meta skuid 600000-659999 jump functions\n\
                     \x20 }\n\
                     \x20 chain functions {\n\
                     \x20   meta skuid vmap @own\n\
                     \x20   ip daddr 10.0.0.2 meta l4proto { tcp, udp } th dport 53 accept\n\
                     \x20   ip daddr { 127.0.0.0/8, 10.0.0.0/9 } reject with icmpx type admin-prohibited\n\
                     \x20   meta nfproto ipv6 reject with icmpx type admin-prohibited\n\
                     \x20 }\n\
                     }\n";
        assert_eq!(firewall(false).rules(), rules);
    }

    #[test]
    fn public_ipv6_addresses_are_allowed() {
        let rules = firewall(true).rules();
        assert!(
            rules.contains("    ip6 daddr fe80::1 meta l4proto { tcp, udp } th dport 53 accept\n"),
            "{rules}"
        );
        assert!(
            rules.contains("    ip6 daddr { ::/96, fc00::/7 } reject with"),
            "{rules}"
        );
        assert!(!rules.contains("nfproto"), "{rules}");
    }

    #[test]
    fn nothing_is_refused_when_everything_is_allowed() {
        let mut firewall = firewall(true);
        firewall.denied.clear();
        assert!(!firewall.rules().contains("daddr { "));
    }

    #[test]
    fn without_resolvers_loopback_is_the_resolver() {
        let text = "# nameserver 192.0.2.1\nsearch example.com\nnameserver\n";
        assert_eq!(resolvers(text), [IpAddr::from([127, 0, 0, 1])]);
    }

    #[test]
    fn the_kernel_accepts_the_rules() {
        let root = rustix::process::geteuid().is_root();
        let debugged = Firewall {
            debugger: true,
            ..firewall(false)
        };
        let whole = Firewall {
            denied: denied_networks(&["fd12::7/128".parse().unwrap()]),
            ..firewall(true)
        };
        for firewall in [firewall(false), firewall(true), debugged, whole] {
            match firewall.missing() {
                None => {}
                Some(reason) if !root || reason == "nft is not installed" => {
                    eprintln!("skipped: {reason}");
                }
                Some(reason) => panic!("{reason}: {}", firewall.rules()),
            }
        }
    }
}
