//! Lists of networks, and how the address of a caller behind trusted proxies is determined.

mod forwarded;

use std::net::IpAddr;

use http::HeaderMap;
use jelou_core::Network;
use serde::{Deserialize, Deserializer};

/// The networks of a setting. Each is a network such as `10.0.0.0/8` or a single address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<Network>);

impl Networks {
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

impl<'de> Deserialize<'de> for Networks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<String>::deserialize(deserializer)?
            .iter()
            .map(|text| text.parse().map_err(serde::de::Error::custom))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// The proxies whose forwarding headers are trusted.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrustedProxies(Networks);

impl TrustedProxies {
    pub(crate) fn new(networks: Networks) -> Self {
        Self(networks)
    }

    pub(crate) fn networks(&self) -> &Networks {
        &self.0
    }

    /// Returns the address of the caller of a request on a connection from `peer`: the last address in the chain that
    /// is not a trusted proxy. If `Forwarded` and `X-Forwarded-For` disagree, it returns `peer`, because a proxy may
    /// write one header and pass on the other unchecked.
    pub(crate) fn caller(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.0.contain(peer) {
            return peer;
        }
        let nearest_untrusted = |chain: Vec<Option<IpAddr>>| self.nearest_untrusted(peer, &chain);
        let standard = forwarded::of_forwarded(headers).map(nearest_untrusted);
        let customary = forwarded::of_x_forwarded_for(headers).map(nearest_untrusted);
        match (standard, customary) {
            (Some(one), Some(other)) if one != other => peer,
            (Some(caller), _) | (None, Some(caller)) => caller,
            (None, None) => peer,
        }
    }

    /// Returns the nearest address that is not a trusted proxy. `chain` begins with the farthest address. `None` is an
    /// unreadable element.
    fn nearest_untrusted(&self, peer: IpAddr, chain: &[Option<IpAddr>]) -> IpAddr {
        let mut nearest = peer;
        for address in chain.iter().rev() {
            // An unreadable element makes all elements before it unreliable.
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

    #[test]
    fn a_mapped_network_is_the_ipv4_network() {
        let networks: Networks = serde_json::from_value(serde_json::json!([
            "::ffff:10.0.0.0/104",
            "::ffff:192.0.2.7"
        ]))
        .unwrap();
        for inside in [
            "10.0.0.1",
            "::ffff:10.0.0.1",
            "192.0.2.7",
            "::ffff:192.0.2.7",
        ] {
            assert!(networks.contain(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["11.0.0.1", "192.0.2.8", "::1"] {
            assert!(!networks.contain(outside.parse().unwrap()), "{outside}");
        }
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
    fn the_last_untrusted_address_is_the_caller() {
        let chain = [(XFF, "6.6.6.6, 1.1.1.1"), (XFF, "10.0.0.9,10.0.0.2")];
        assert_eq!(caller("10.0.0.1", &chain), "1.1.1.1");
        // If all addresses are trusted, the farthest one is the caller.
        assert_eq!(
            caller("10.0.0.1", &[(XFF, "10.0.0.9, 10.0.0.2")]),
            "10.0.0.9"
        );
    }

    #[test]
    fn an_unreadable_element_hides_all_before_it() {
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
