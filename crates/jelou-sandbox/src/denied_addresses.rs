//! The addresses that functions cannot connect to.
//!
//! Deno checks addresses after name resolution, so a name cannot bypass the list. Deno accepts ranges of IPv4 only. So
//! the firewall denies the ranges of IPv6, and functions have no IPv6 unless `sandbox.ipv6` is set. Deno cannot allow a
//! part of a denied range. Therefore the openings are cut out of the ranges. Deno also cannot allow one port of a
//! denied address, and has no ranges of ports. So an address that is open for one port needs 65,534 entries, each of
//! which denies one other port ([`denied_addresses`]).

use ipnet::IpNet;

/// A network that a process may connect to although it is denied by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Opening {
    pub network: IpNet,
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

/// The IPv6 ranges that are denied by default: this machine, private and link-local networks, multicast and reserved
/// ranges (RFC 6890), and addresses that stand for IPv4 addresses: IPv4-mapped addresses, SIIT, NAT64, Teredo and
/// 6to4.
const DENIED_IPV6: [&str; 15] = [
    "::/96",
    "::ffff:0:0/96",
    "::ffff:0:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

/// The addresses of [`DENIED_IPV6`] that Deno denies: the unspecified and the loopback address. Deno accepts only
/// single addresses of IPv6.
const DENIED_BY_DENO_IPV6: [&str; 2] = ["::/128", "::1/128"];

/// Returns the denied addresses in the format of Deno's `--deny-net`: [`DENIED_IPV4`] without the openings, and the
/// unspecified and the loopback address of IPv6.
pub fn denied_addresses(openings: &[Opening]) -> Vec<String> {
    let networks: Vec<_> = openings.iter().map(|opening| opening.network).collect();
    let mut denied = Vec::new();
    let ranges = DENIED_IPV4.iter().chain(&DENIED_BY_DENO_IPV6);
    for range in ranges.filter_map(|range| range.parse().ok()) {
        let mut rest = Vec::new();
        cut(range, &networks, &mut rest);
        denied.extend(rest.into_iter().map(shown));
        deny_ports(range, openings, &mut denied);
    }
    denied
}

/// Returns a network in Deno's notation. For IPv6, the network must be a single address.
fn shown(network: IpNet) -> String {
    match network {
        IpNet::V6(network) => format!("[{}]", network.addr()),
        IpNet::V4(network) if network.prefix_len() == 32 => network.addr().to_string(),
        IpNet::V4(network) => network.to_string(),
    }
}

/// Denies the closed ports of the parts of `range` that are open for some ports only.
fn deny_ports(range: IpNet, openings: &[Opening], denied: &mut Vec<String>) {
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
    let partly_open = IpNet::aggregate(&partly_open);
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
        let closed = closed.into_iter().map(shown);
        denied.extend(closed.map(|network| format!("{network}:{port}")));
    }
}

/// Returns the smaller network if the other contains it. Otherwise, the two networks are disjoint.
fn intersection(one: IpNet, other: IpNet) -> Option<IpNet> {
    if one.contains(&other) {
        Some(other)
    } else {
        other.contains(&one).then_some(one)
    }
}

/// Returns [`DENIED_IPV4`] and [`DENIED_IPV6`] without the allowed ranges.
pub fn denied_networks(allowed: &[IpNet]) -> Vec<IpNet> {
    let mut denied = Vec::new();
    let ranges = DENIED_IPV4.iter().chain(&DENIED_IPV6);
    for range in ranges.filter_map(|range| range.parse().ok()) {
        cut(range, allowed, &mut denied);
    }
    denied
}

/// Adds `range` without `holes` to `rest`, as the smallest number of ranges.
fn cut(range: IpNet, holes: &[IpNet], rest: &mut Vec<IpNet>) {
    if holes.iter().any(|hole| hole.contains(&range)) {
        return;
    }
    if !holes.iter().any(|hole| range.contains(hole)) {
        rest.push(range);
        return;
    }
    // `range` contains a smaller hole. So it has more than one address and can be halved.
    let Ok(halves) = range.subnets(range.prefix_len() + 1) else {
        return;
    };
    for half in halves {
        cut(half, holes, rest);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn all() -> Vec<IpNet> {
        [nets(&DENIED_IPV4), nets(&DENIED_IPV6)].concat()
    }

    #[test]
    fn without_openings_all_ranges_are_denied() {
        assert_eq!(denied_networks(&[]), all());
        let flags = denied_addresses(&[]);
        assert!(flags.contains(&"169.254.0.0/16".to_owned()));
        assert!(flags.contains(&"[::1]".to_owned()));
    }

    #[test]
    fn one_address_is_cut_out_of_its_range() {
        let denied = denied_networks(&nets(&["10.1.2.3/32", "fd12::7/128"]));
        // One range for each prefix bit after /8 and /7, and the other ranges.
        assert_eq!(denied.len(), 24 + 14 + 121 + 14);
        let refused = |address: &str| {
            let address: IpAddr = address.parse().unwrap();
            denied.iter().any(|net| net.contains(&address))
        };
        assert!(!refused("10.1.2.3"));
        assert!(refused("10.1.2.2") && refused("10.1.2.4") && refused("127.0.0.1"));
        assert!(!refused("fd12::7") && refused("fd12::6") && refused("fd12::8") && refused("::1"));
        for other in [
            "64:ff9b::a00:1",
            "::ffff:0:a00:1",
            "2002:a00:1::",
            "2001::1",
            "fe80::1",
            "fd00:ec2::254",
        ] {
            assert!(refused(other), "{other}");
        }
        assert!(!refused("2606:4700::1111"));
    }

    #[test]
    fn a_range_is_allowed_by_itself_or_by_a_larger_range() {
        let denied = denied_networks(&nets(&["192.168.0.0/16", "172.0.0.0/8", "f000::/4"]));
        assert_eq!(denied.len(), 13 + 11);
        // An exception outside the denied ranges changes nothing.
        assert_eq!(denied_networks(&nets(&["8.8.8.0/24", "2606::/16"])), all());
    }

    /// Returns whether the entries deny a connection. Compares like Deno.
    fn refuses(denied: &[String], address: impl Into<IpAddr>, port: u16) -> bool {
        let address = address.into();
        denied.iter().any(|entry| {
            let (network, of) = match entry.strip_prefix('[') {
                Some(rest) => rest.split_once(']').unwrap(),
                None => entry.split_at(entry.find(':').unwrap_or(entry.len())),
            };
            let network = network
                .parse::<IpNet>()
                .or_else(|_| network.parse::<IpAddr>().map(IpNet::from));
            network.unwrap().contains(&address) && (of.is_empty() || of[1..].parse() == Ok(port))
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

    /// Of IPv6, Deno can deny only single addresses, such as the loopback address.
    #[test]
    fn a_port_of_ipv6_loopback_opens_no_other_port() {
        let denied = denied_addresses(&[opening("::1/128", 5432), opening("fd12::7/128", 5432)]);
        for port in [1, 80, 5431, 5433, 65_535] {
            assert!(refuses(&denied, Ipv6Addr::LOCALHOST, port), "{port}");
        }
        assert!(!refuses(&denied, Ipv6Addr::LOCALHOST, 5432));
        assert!(refuses(&denied, Ipv6Addr::UNSPECIFIED, 5432));
        let whole = denied_addresses(&[opening("::/0", None)]);
        assert!(!refuses(&whole, Ipv6Addr::LOCALHOST, 80));
        assert!(refuses(&whole, Ipv4Addr::LOCALHOST, 80));
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
    fn an_opening_for_all_ports_is_not_reduced_by_an_opening_for_one_port() {
        for whole in ["10.5.0.0/16", "10.0.0.0/8", "10.1.2.3/32", "0.0.0.0/0"] {
            let openings = [
                opening(whole, None),
                opening("10.1.2.3/32", 5432),
                opening("10.1.2.9/32", 22),
            ];
            let denied = denied_addresses(&openings);
            let whole = openings[0].network;
            for address in [[10, 5, 0, 1], [10, 1, 2, 3], [10, 1, 2, 9], [10, 1, 2, 4]] {
                let address = IpAddr::from(address);
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

    fn net() -> impl Strategy<Value = IpNet> {
        // Half of the addresses are inside denied ranges.
        let inside =
            (prop::sample::select(all()), any::<u128>()).prop_map(|(net, random)| {
                match (net.network(), net.hostmask()) {
                    (IpAddr::V4(first), IpAddr::V4(mask)) => {
                        let low = u32::try_from(random & u128::from(u32::MAX)).unwrap();
                        IpAddr::from(Ipv4Addr::from(u32::from(first) | low & u32::from(mask)))
                    }
                    (IpAddr::V6(first), IpAddr::V6(mask)) => IpAddr::from(Ipv6Addr::from(
                        u128::from(first) | random & u128::from(mask),
                    )),
                    _ => unreachable!("a network has one family"),
                }
            });
        let anywhere = prop_oneof![
            any::<u32>().prop_map(|bits| IpAddr::from(Ipv4Addr::from(bits))),
            any::<u128>().prop_map(|bits| IpAddr::from(Ipv6Addr::from(bits))),
        ];
        (prop_oneof![inside, anywhere], 0_u8..=128).prop_map(|(address, length)| {
            let most = IpNet::from(address).max_prefix_len();
            IpNet::new(address, length.min(most)).unwrap().trunc()
        })
    }

    /// The addresses at both ends of a network, and those beside them.
    fn edges(net: &IpNet) -> [IpAddr; 4] {
        match (net.network(), net.broadcast()) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                let (first, last) = (u32::from(first), u32::from(last));
                [first, last, first.wrapping_sub(1), last.wrapping_add(1)]
                    .map(|bits| Ipv4Addr::from(bits).into())
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                let (first, last) = (u128::from(first), u128::from(last));
                [first, last, first.wrapping_sub(1), last.wrapping_add(1)]
                    .map(|bits| Ipv6Addr::from(bits).into())
            }
            _ => unreachable!("a network has one family"),
        }
    }

    proptest! {
        #[test]
        fn an_address_is_denied_exactly_when_listed_and_not_allowed(
            allowed in prop::collection::vec(net(), 0..5),
            probes in prop::collection::vec(net(), 1..20),
        ) {
            let denied = denied_networks(&allowed);
            let listed = all();
            let edges = allowed.iter().flat_map(edges);
            for address in probes.iter().map(IpNet::addr).chain(edges) {
                let within = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&address));
                prop_assert_eq!(
                    within(&denied),
                    within(&listed) && !within(&allowed),
                    "{} with {:?} allowed", address, allowed
                );
            }
        }
    }
}
