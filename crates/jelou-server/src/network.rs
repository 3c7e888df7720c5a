//! Addresses and whom they belong to: lists of networks, and the address of a caller behind trusted proxies.

mod forwarded;

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer};

/// Networks as an operator writes them: `10.0.0.0/8`, or a single address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        // `::ffff:10.0.0.1` is 10.0.0.1, as a socket that takes both kinds has it.
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl<'de> Deserialize<'de> for Networks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let network = |text: &String| {
            text.parse::<IpNet>()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| {
                    serde::de::Error::custom(format!(
                        "`{text}` is neither an address nor a network (for instance `10.0.0.0/8`)"
                    ))
                })
        };
        texts
            .iter()
            .map(network)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// The proxies whose word counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrustedProxies(Networks);

impl TrustedProxies {
    pub(crate) fn new(networks: Networks) -> Self {
        Self(networks)
    }

    pub(crate) fn networks(&self) -> &Networks {
        &self.0
    }

    /// Who sent a request that came over a connection of `peer`: the last address in the chain that is no trusted
    /// proxy's. `Forwarded` and `X-Forwarded-For` must agree: a proxy writes one of them and may pass the other on as
    /// its caller wrote it.
    pub(crate) fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.0.contain(peer) {
            return peer;
        }
        let last_stranger = |chain: Vec<Option<IpAddr>>| self.last_stranger(peer, &chain);
        let standard = forwarded::of_forwarded(headers).map(last_stranger);
        let customary = forwarded::of_x_forwarded_for(headers).map(last_stranger);
        match (standard, customary) {
            (Some(one), Some(other)) if one != other => peer,
            (Some(caller), _) | (None, Some(caller)) => caller,
            (None, None) => peer,
        }
    }

    /// `chain` has the farthest first, and nothing where no address stands.
    fn last_stranger(&self, peer: IpAddr, chain: &[Option<IpAddr>]) -> IpAddr {
        let mut nearest = peer;
        for address in chain.iter().rev() {
            // Who stands before something unreadable is not known.
            let Some(address) = address else { break };
            nearest = *address;
            if !self.0.contain(nearest) {
                break;
            }
        }
        nearest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn proxies() -> TrustedProxies {
        let networks = ["10.0.0.0/8", "2001:db8::1"];
        TrustedProxies(serde_json::from_value(serde_json::json!(networks)).unwrap())
    }

    fn caller(peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        proxies().caller(peer.parse().unwrap(), &map).to_string()
    }

    const XFF: &str = "x-forwarded-for";

    #[test]
    fn only_trusted_proxies_are_believed() {
        let forged = [(XFF, "1.1.1.1"), ("forwarded", "for=1.1.1.1")];
        assert_eq!(caller("192.0.2.1", &forged), "192.0.2.1");
        assert_eq!(caller("10.0.0.1", &forged), "1.1.1.1");
        assert_eq!(caller("::ffff:10.0.0.1", &forged), "1.1.1.1");
        assert_eq!(caller("2001:db8::1", &forged), "1.1.1.1");
        assert_eq!(caller("2001:db8::2", &forged), "2001:db8::2");
        assert_eq!(caller("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn the_last_stranger_is_the_caller() {
        let chain = [(XFF, "6.6.6.6, 1.1.1.1"), (XFF, "10.0.0.9,10.0.0.2")];
        assert_eq!(caller("10.0.0.1", &chain), "1.1.1.1");
        // All of them are ours: the farthest.
        assert_eq!(
            caller("10.0.0.1", &[(XFF, "10.0.0.9, 10.0.0.2")]),
            "10.0.0.9"
        );
    }

    #[test]
    fn what_cannot_be_read_is_ignored_with_all_before_it() {
        for chain in ["unknown", "", "1.1.1.1, what", "1.1.1.1,,", "1.1.1.1:x"] {
            assert_eq!(caller("10.0.0.1", &[(XFF, chain)]), "10.0.0.1", "{chain}");
        }
        assert_eq!(caller("10.0.0.1", &[(XFF, "what, 10.0.0.2")]), "10.0.0.2");
    }

    #[test]
    fn both_headers_must_agree() {
        let agreed = [(XFF, "1.1.1.1"), ("forwarded", "for=6.6.6.6, for=1.1.1.1")];
        assert_eq!(caller("10.0.0.1", &agreed), "1.1.1.1");
        let forged = [(XFF, "1.1.1.1"), ("forwarded", "for=6.6.6.6")];
        assert_eq!(caller("10.0.0.1", &forged), "10.0.0.1");
    }
}
