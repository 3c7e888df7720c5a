//! The addresses that functions cannot connect to.
//!
//! Deno checks addresses after name resolution, so a name cannot bypass the list. Deno accepts only IPv4 ranges, and
//! cannot allow a part of a denied range. Therefore the openings are cut out of the ranges. Deno also cannot allow one
//! port of a denied address, and has no ranges of ports. So an address that is open for one port needs 65,534 entries,
//! each of which denies one other port ([`denied_addresses`]).

use ipnet::Ipv4Net;

/// A network that a process may connect to although it is denied by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Opening {
    pub network: Ipv4Net,
    /// `None` for every port.
    pub port: Option<u16>,
}

/// The IPv4 ranges that are denied by default: this machine, private and shared networks, link-local addresses
/// (including cloud metadata), multicast and reserved ranges (RFC 6890).
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

/// The denied IPv6 addresses. Deno cannot deny IPv6 ranges, only single addresses. The system call filter refuses IPv6
/// completely, unless `sandbox.ipv6` is set.
const DENIED_IPV6: [&str; 2] = ["[::]", "[::1]"];

/// Returns the denied addresses in the format of Deno's `--deny-net`: [`DENIED_IPV4`] without the openings, and the
/// unspecified and the loopback address of IPv6.
pub fn denied_addresses(openings: &[Opening]) -> Vec<String> {
    let networks: Vec<_> = openings.iter().map(|opening| opening.network).collect();
    let mut denied: Vec<_> = denied_ipv4(&networks)
        .iter()
        .map(ToString::to_string)
        .chain(DENIED_IPV6.map(str::to_owned))
        .collect();
    for range in denied_ranges() {
        deny_ports(range, openings, &mut denied);
    }
    denied
}

/// Denies the closed ports of the parts of `range` that are open for some ports only.
fn deny_ports(range: Ipv4Net, openings: &[Opening], denied: &mut Vec<String>) {
    let mut whole = Vec::new();
    let mut parts = Vec::new();
    for opening in openings {
        let Some(network) = intersection(range, opening.network) else {
            continue;
        };
        match opening.port {
            None => whole.push(network),
            Some(port) => parts.push((network, port)),
        }
    }
    let mut partly_open = Vec::new();
    for (network, _) in &parts {
        cut(*network, &whole, &mut partly_open);
    }
    let partly_open = Ipv4Net::aggregate(&partly_open);
    if partly_open.is_empty() {
        return;
    }
    // The rest of the range is denied anyway. So one entry per port for the whole range is enough, unless that would
    // deny an address that is open for all ports.
    let anywhere = match partly_open.as_slice() {
        [_, _, ..] if whole.is_empty() => vec![range],
        networks => networks.to_vec(),
    };
    for port in 1..=u16::MAX {
        let named = parts.iter().filter(|(_, named)| *named == port);
        let holes: Vec<_> = named.map(|(network, _)| *network).collect();
        let mut closed = Vec::new();
        if holes.is_empty() {
            closed.clone_from(&anywhere);
        } else {
            for network in &partly_open {
                cut(*network, &holes, &mut closed);
            }
        }
        denied.extend(closed.iter().map(|network| {
            if network.prefix_len() == 32 {
                format!("{}:{port}", network.addr())
            } else {
                format!("{network}:{port}")
            }
        }));
    }
}

/// Returns the smaller network if the other contains it. Otherwise, the two networks are disjoint.
fn intersection(one: Ipv4Net, other: Ipv4Net) -> Option<Ipv4Net> {
    if one.contains(&other) {
        Some(other)
    } else {
        other.contains(&one).then_some(one)
    }
}

fn denied_ranges() -> impl Iterator<Item = Ipv4Net> {
    DENIED_IPV4.iter().filter_map(|range| range.parse().ok())
}

/// Returns [`DENIED_IPV4`] without the allowed ranges.
pub fn denied_ipv4(allowed: &[Ipv4Net]) -> Vec<Ipv4Net> {
    let mut denied = Vec::new();
    for range in denied_ranges() {
        cut(range, allowed, &mut denied);
    }
    denied
}

/// Adds `range` without `holes` to `rest`, as the smallest number of ranges.
fn cut(range: Ipv4Net, holes: &[Ipv4Net], rest: &mut Vec<Ipv4Net>) {
    if holes.iter().any(|hole| hole.contains(&range)) {
        return;
    }
    if !holes.iter().any(|hole| range.contains(hole)) {
        rest.push(range);
        return;
    }
    // `range` contains a smaller hole. So it has more than one address and can be halved.
    let halves = range.subnets(range.prefix_len() + 1);
    for half in halves.into_iter().flatten() {
        cut(half, holes, rest);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn nets(texts: &[&str]) -> Vec<Ipv4Net> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_list_is_complete_when_nothing_is_allowed() {
        assert_eq!(denied_ipv4(&[]), nets(&DENIED_IPV4));
        let flags = denied_addresses(&[]);
        assert!(flags.contains(&"169.254.0.0/16".to_owned()));
        assert!(flags.contains(&"[::1]".to_owned()));
    }

    #[test]
    fn one_address_is_cut_out_of_its_range() {
        let denied = denied_ipv4(&nets(&["10.1.2.3/32"]));
        // One range for each prefix bit after /8, and the fourteen other ranges.
        assert_eq!(denied.len(), 24 + 14);
        let refused = |address: &str| {
            let address: Ipv4Addr = address.parse().unwrap();
            denied.iter().any(|net| net.contains(&address))
        };
        assert!(!refused("10.1.2.3"));
        assert!(refused("10.1.2.2") && refused("10.1.2.4") && refused("127.0.0.1"));
    }

    #[test]
    fn a_range_is_allowed_whole_or_by_a_wider_one() {
        let denied = denied_ipv4(&nets(&["192.168.0.0/16", "172.0.0.0/8"]));
        assert_eq!(denied.len(), 13);
        // An exception outside the denied ranges changes nothing.
        assert_eq!(denied_ipv4(&nets(&["8.8.8.0/24"])), nets(&DENIED_IPV4));
    }

    /// Returns whether the entries deny a connection. Compares like Deno.
    fn refuses(denied: &[String], address: Ipv4Addr, port: u16) -> bool {
        denied.iter().any(|entry| {
            let (network, of) = entry.split_once(':').unwrap_or((entry, ""));
            let network = network
                .parse::<Ipv4Net>()
                .or_else(|_| network.parse::<Ipv4Addr>().map(Ipv4Net::from));
            network.is_ok_and(|network| network.contains(&address))
                && (of.is_empty() || of.parse() == Ok(port))
        })
    }

    fn opening(network: &str, port: impl Into<Option<u16>>) -> Opening {
        Opening {
            network: network.parse().unwrap(),
            port: port.into(),
        }
    }

    #[test]
    fn a_port_opens_no_other_port() {
        let one = denied_addresses(&[opening("10.1.2.3/32", 5432)]);
        // The list has one entry for each other port.
        assert_eq!(one.len(), 24 + 14 + 2 + 65_534);
        let database = Ipv4Addr::new(10, 1, 2, 3);
        assert!(!refuses(&one, database, 5432));
        for port in [1, 22, 80, 5431, 5433, 65_535] {
            assert!(refuses(&one, database, port), "{port}");
        }
        assert!(refuses(&one, Ipv4Addr::new(10, 1, 2, 4), 5432));
        assert!(!refuses(&one, Ipv4Addr::new(8, 8, 8, 8), 22));
    }

    #[test]
    fn openings_of_one_range_share_the_entries() {
        let both = [opening("10.1.2.3/32", 5432), opening("10.9.0.1/32", 6379)];
        let denied = denied_addresses(&both);
        assert!(denied.len() < 70_000, "{}", denied.len());
        for (address, port, refused) in [
            ([10, 1, 2, 3], 5432, false),
            ([10, 1, 2, 3], 6379, true),
            ([10, 9, 0, 1], 6379, false),
            ([10, 9, 0, 1], 5432, true),
            ([10, 9, 0, 1], 22, true),
            ([192, 168, 0, 1], 5432, true),
        ] {
            let address = Ipv4Addr::from(address);
            assert_eq!(refuses(&denied, address, port), refused, "{address}:{port}");
        }
    }

    #[test]
    fn a_whole_opening_stays_whole_beside_a_port() {
        for whole in ["10.5.0.0/16", "10.0.0.0/8", "10.1.2.3/32", "0.0.0.0/0"] {
            let openings = [
                opening(whole, None),
                opening("10.1.2.3/32", 5432),
                opening("10.1.2.9/32", 22),
            ];
            let denied = denied_addresses(&openings);
            let whole = openings[0].network;
            for address in [[10, 5, 0, 1], [10, 1, 2, 3], [10, 1, 2, 9], [10, 1, 2, 4]] {
                let address = Ipv4Addr::from(address);
                for port in [5432, 22, 80] {
                    let open = openings[1..].iter().any(|opening| {
                        opening.network.contains(&address) && opening.port == Some(port)
                    });
                    let expected = !(open || whole.contains(&address));
                    assert_eq!(
                        refuses(&denied, address, port),
                        expected,
                        "{whole}: {address}:{port}"
                    );
                }
            }
        }
    }

    fn net() -> impl Strategy<Value = Ipv4Net> {
        // Half of the addresses are inside denied ranges.
        let denied = prop::sample::select(nets(&DENIED_IPV4));
        let inside = (denied, any::<u32>()).prop_map(|(net, random)| {
            let host_bits = u32::from(net.hostmask());
            Ipv4Addr::from(u32::from(net.network()) | random & host_bits)
        });
        let address = prop_oneof![inside, any::<u32>().prop_map(Ipv4Addr::from)];
        (address, 0_u8..=32)
            .prop_map(|(address, length)| Ipv4Net::new(address, length).unwrap().trunc())
    }

    proptest! {
        #[test]
        fn an_address_is_denied_exactly_when_listed_and_not_allowed(
            allowed in prop::collection::vec(net(), 0..5),
            probes in prop::collection::vec(net(), 1..20),
        ) {
            let denied = denied_ipv4(&allowed);
            let all = nets(&DENIED_IPV4);
            let edges = allowed.iter().flat_map(|net| {
                let (first, last) = (u32::from(net.network()), u32::from(net.broadcast()));
                [first, last, first.wrapping_sub(1), last.wrapping_add(1)].map(Ipv4Addr::from)
            });
            for address in probes.iter().map(Ipv4Net::addr).chain(edges) {
                let within = |nets: &[Ipv4Net]| nets.iter().any(|net| net.contains(&address));
                prop_assert_eq!(
                    within(&denied),
                    within(&all) && !within(&allowed),
                    "{} with {:?} allowed", address, allowed
                );
            }
        }
    }
}
