//! IP networks. IPv4-mapped IPv6 networks and addresses are compared as IPv4.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

/// Number of bits before the IPv4 address in an IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2).
const MAPPED_PREFIX_BITS: u8 = 96;

/// An IP network. An IPv4-mapped IPv6 network is converted to IPv4: `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network(IpNet);

/// The text is neither a network in CIDR notation nor an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an address nor a network (for instance `10.0.0.0/8`)")]
pub struct ParseNetworkError(String);

impl Network {
    /// Whether the network contains the address. An IPv4-mapped IPv6 address, as a dual-stack socket reports it, is
    /// compared as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Returns the address as it was given, host bits included.
    pub(crate) fn address(&self) -> IpAddr {
        self.0.addr()
    }

    pub(crate) fn net(&self) -> IpNet {
        self.0
    }

    /// Returns the network without host bits.
    pub(crate) fn truncated(&self) -> Self {
        Self(self.0.trunc())
    }
}

impl From<IpNet> for Network {
    fn from(network: IpNet) -> Self {
        let (IpNet::V6(mapped), IpAddr::V4(address)) = (network, network.addr().to_canonical())
        else {
            return Self(network);
        };
        Self(
            mapped
                .prefix_len()
                .checked_sub(MAPPED_PREFIX_BITS)
                .and_then(|bits| Ipv4Net::new(address, bits).ok())
                .map_or(network, IpNet::from),
        )
    }
}

/// Parses CIDR notation (RFC 4632), or a single address.
impl FromStr for Network {
    type Err = ParseNetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map(Self::from)
            .map_err(|_| ParseNetworkError(text.to_owned()))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_networks_and_addresses_are_ipv4() {
        let contains = |network: &str, address: &str| {
            let network: Network = network.parse().unwrap();
            network.contains(address.parse().unwrap())
        };
        for network in [
            "10.0.0.0/8",
            "10.1.2.3/8",
            "::ffff:10.0.0.0/104",
            "::ffff:a00:0/104",
            "::ffff:10.1.2.3/104",
        ] {
            for inside in ["10.9.8.7", "::ffff:10.9.8.7"] {
                assert!(contains(network, inside), "{network} {inside}");
            }
            for outside in ["11.0.0.1", "::ffff:11.0.0.1", "::10.9.8.7", "::1"] {
                assert!(!contains(network, outside), "{network} {outside}");
            }
        }
        assert!(contains("::ffff:10.0.0.1", "10.0.0.1"));
        assert!(contains("::ffff:0:0/96", "192.0.2.1"));
        assert!(contains("2001:db8::/32", "2001:db8:1::1"));
        // A prefix shorter than /96 is not IPv4-mapped, so it contains IPv6 addresses only.
        assert!(!contains("::/0", "10.0.0.1"));
    }
}
