//! The networks that a runtime token may be used from.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{PolicyListError, set};
use crate::network::Network;
use crate::text::written_as_text;

/// Maximum number of networks of one token.
pub const MAX_CIDRS: usize = 64;

/// A network in CIDR notation (RFC 4632), without host bits. A single address is a network of one address.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "203.0.113.0/24")]
pub struct Cidr(Network);

/// The text is not a network in CIDR notation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseCidrError {
    #[error(
        "`{0}` is not a network in CIDR notation; write it like `203.0.113.0/24`, `2001:db8::/32` or `203.0.113.7`"
    )]
    Malformed(String),
    /// Bits after the prefix are set, so the author may mean the network or the address.
    #[error(
        "`{text}` has bits set after its prefix; write `{network}` for the network, or `{address}` for the one address"
    )]
    HostBits {
        text: String,
        network: Network,
        address: IpAddr,
    },
}

impl FromStr for Cidr {
    type Err = ParseCidrError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let given: Network = text
            .parse()
            .map_err(|_| ParseCidrError::Malformed(text.to_owned()))?;
        let network = given.truncated();
        if given != network {
            return Err(ParseCidrError::HostBits {
                text: text.to_owned(),
                network,
                address: given.address(),
            });
        }
        Ok(Self(network))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

written_as_text!(Cidr);

/// The networks that a token may be used from: 1 to 64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "Vec<Cidr>", into = "Vec<Cidr>")]
#[schema(value_type = Vec<Cidr>, min_items = 1, max_items = 64)]
pub struct Cidrs(BTreeSet<Cidr>);

impl Cidrs {
    /// Returns the networks in canonical order.
    pub fn iter(&self) -> impl Iterator<Item = &Cidr> {
        self.0.iter()
    }

    /// Whether the address is in one of the networks.
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|Cidr(network)| network.contains(address))
    }
}

impl TryFrom<Vec<Cidr>> for Cidrs {
    type Error = PolicyListError;

    fn try_from(cidrs: Vec<Cidr>) -> Result<Self, Self::Error> {
        set("CIDRs", MAX_CIDRS, cidrs).map(Self)
    }
}

impl From<Cidrs> for Vec<Cidr> {
    fn from(cidrs: Cidrs) -> Self {
        cidrs.0.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_single_addresses() {
        for (text, network) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("203.0.113.7", "203.0.113.7/32"),
            ("2001:DB8::/32", "2001:db8::/32"),
            ("::1", "::1/128"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:10.0.0.1", "10.0.0.1/32"),
        ] {
            assert_eq!(text.parse::<Cidr>().unwrap().to_string(), network, "{text}");
        }
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "10.0.0.0/",
            "localhost",
            "::/129",
            "10.0.0.0/8,::/0",
        ] {
            let error = text.parse::<Cidr>().unwrap_err();
            assert_eq!(error, ParseCidrError::Malformed(text.to_owned()));
        }
    }

    #[test]
    fn the_error_about_host_bits_suggests_a_network_and_an_address() {
        let error = "10.1.2.3/8".parse::<Cidr>().unwrap_err().to_string();
        assert!(error.contains("`10.0.0.0/8`"), "{error}");
        assert!(error.contains("`10.1.2.3`"), "{error}");
        let error = "::ffff:10.1.2.3/104"
            .parse::<Cidr>()
            .unwrap_err()
            .to_string();
        assert!(error.contains("write `10.0.0.0/8`"), "{error}");
        assert!("2001:db8::1/32".parse::<Cidr>().is_err());
    }

    #[test]
    fn addresses_of_both_kinds() {
        let cidrs: Vec<Cidr> = ["10.0.0.0/8", "2001:db8::/32"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let cidrs = Cidrs::try_from(cidrs).unwrap();
        for inside in ["10.9.8.7", "::ffff:10.9.8.7", "2001:db8:1::1"] {
            assert!(cidrs.contain(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["11.0.0.1", "::ffff:11.0.0.1", "2001:db9::1", "::1"] {
            assert!(!cidrs.contain(outside.parse().unwrap()), "{outside}");
        }
    }
}
