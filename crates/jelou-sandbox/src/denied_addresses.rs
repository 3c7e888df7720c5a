//! The addresses that functions cannot connect to.
//!
//! Deno checks addresses after name resolution, so a name cannot bypass the list. Deno accepts only IPv4 ranges, and
//! cannot allow a part of a denied range. Therefore the operator's exceptions are cut out of the ranges.

use ipnet::Ipv4Net;

/// This machine, private and shared networks, link-local addresses (including cloud metadata), multicast and reserved
/// ranges (RFC 6890).
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

/// Deno accepts only single IPv6 addresses. The system call filter refuses IPv6 completely, unless `sandbox.ipv6` is
/// set.
const DENIED_IPV6: [&str; 2] = ["[::]", "[::1]"];

/// [`DENIED_IPV4`] without the allowed ranges, and the IPv6 loopback address, in the format of Deno's `--deny-net`.
pub fn denied_addresses(allowed: &[Ipv4Net]) -> Vec<String> {
    denied_ipv4(allowed)
        .iter()
        .map(ToString::to_string)
        .chain(DENIED_IPV6.map(str::to_owned))
        .collect()
}

/// [`DENIED_IPV4`] without the allowed ranges.
pub fn denied_ipv4(allowed: &[Ipv4Net]) -> Vec<Ipv4Net> {
    let mut denied = Vec::new();
    for range in DENIED_IPV4.iter().filter_map(|range| range.parse().ok()) {
        cut(range, allowed, &mut denied);
    }
    denied
}

/// Adds `range` without `holes` to `rest`, with as few ranges as possible.
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
