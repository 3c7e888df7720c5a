//! Egress rules: the destinations that functions may connect to although they are denied by default.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZero;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::network::Network;

/// Maximum bytes of a host name (RFC 1035, section 2.3.4).
const MAX_NAME_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;
/// The addresses of the metadata services of clouds, which also return credentials: of most clouds, then of AWS and
/// Google over IPv6.
const METADATA: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];
const METADATA_NAMES: [&str; 4] = [
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
];
/// The minimum prefix length without a warning: that of the largest private IPv4 network, `10.0.0.0/8`, and of the
/// largest IPv6 network that a provider usually gets.
const LEAST_PREFIX_BITS: u8 = 8;
const LEAST_PREFIX_BITS_IPV6: u8 = 32;
/// IPv6 networks whose addresses stand for IPv4 addresses: NAT64 (RFC 6052, RFC 8215), SIIT (RFC 2765), Teredo (RFC
/// 4380) and 6to4 (RFC 3056).
const TRANSLATED: [&str; 5] = [
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "::ffff:0:0:0/96",
    "2001::/32",
    "2002::/16",
];

/// A host name, an address or a network, with or without a port: `db.internal:5432`, `192.0.2.7`, `10.0.0.0/8`,
/// `[fd12::7]:5432`. IPv4-mapped IPv6 is converted to IPv4.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EgressRule {
    pub host: EgressHost,
    /// `None` opens every port.
    pub port: Option<NonZero<u16>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum EgressHost {
    /// A host name in lower case, without a final dot. Resolved when a process starts.
    Name(String),
    /// A network. All bits after its prefix are 0.
    Network(IpNet),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseEgressRuleError {
    #[error("`{0}`: the port must be a number from 1 to 65535")]
    Port(String),
    #[error(
        "`{0}` is neither an IPv6 address nor a network; with a port, it needs brackets: [fd12::7]:5432 or [fd12::/16]:5432"
    )]
    Ipv6(String),
    #[error("`{0}`: rules have no wildcards; name each host, or a network such as 10.0.0.0/8")]
    Wildcard(String),
    #[error("`{0}` is a URL; give the host and the port, for instance db.internal:5432")]
    Url(String),
    #[error(
        "`{0}` is neither a host name, an address nor a network, with or without a port (for instance db.internal:5432, 192.0.2.7:6379 or 10.0.0.0/8)"
    )]
    Host(String),
}

impl EgressRule {
    /// Whether the host is a name, which a process must resolve.
    pub fn is_name(&self) -> bool {
        matches!(self.host, EgressHost::Name(_))
    }

    /// Whether the host is an address or a network of IPv6.
    pub fn is_ipv6(&self) -> bool {
        matches!(self.host, EgressHost::Network(IpNet::V6(_)))
    }

    /// Returns a warning if the rule opens more than is probably intended.
    pub fn warning(&self) -> Option<String> {
        let mut opens = Vec::new();
        let is_metadata = match &self.host {
            EgressHost::Name(name) => METADATA_NAMES.contains(&name.as_str()),
            EgressHost::Network(network) => {
                let (least, loopback) = match network {
                    IpNet::V4(_) => (LEAST_PREFIX_BITS, IpAddr::V4(Ipv4Addr::LOCALHOST)),
                    IpNet::V6(_) => (LEAST_PREFIX_BITS_IPV6, IpAddr::V6(Ipv6Addr::LOCALHOST)),
                };
                if network.prefix_len() < least {
                    if network.contains(&loopback) {
                        opens.push("every service of this machine".to_owned());
                    }
                    opens.push("whole private networks".to_owned());
                }
                if stands_for_ipv4(network) {
                    opens.push(
                        "IPv4 addresses behind NAT64, SIIT, 6to4 or Teredo, private ones included"
                            .to_owned(),
                    );
                }
                METADATA.iter().any(|address| network.contains(address))
            }
        };
        if is_metadata {
            opens.push(format!(
                "the metadata service of clouds ({}), which returns the credentials of this machine to every caller",
                METADATA[0]
            ));
        }
        (!opens.is_empty()).then(|| {
            format!(
                "`{self}` opens {}; name the hosts that the function needs, for instance db.internal:5432",
                opens.join(", and ")
            )
        })
    }

    /// Whether the rule opens the port.
    pub fn opens_port(&self, port: u16) -> bool {
        self.port.is_none_or(|open| open.get() == port)
    }
}

impl FromStr for EgressRule {
    type Err = ParseEgressRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shown = || text.escape_debug().to_string();
        if text.contains("://") {
            return Err(ParseEgressRuleError::Url(shown()));
        }
        if text.contains('*') {
            return Err(ParseEgressRuleError::Wildcard(shown()));
        }
        let is_ipv6 = text.starts_with('[') || text.matches(':').count() > 1;
        let (host, port) = if is_ipv6 {
            split_brackets(text).ok_or_else(|| ParseEgressRuleError::Ipv6(shown()))?
        } else {
            match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            }
        };
        let port = port
            .map(|port| {
                // `parse` also accepts a leading `+`.
                let digits = port.bytes().all(|byte| byte.is_ascii_digit());
                port.parse().ok().filter(|_| digits)
            })
            .map(|port| port.ok_or_else(|| ParseEgressRuleError::Port(shown())))
            .transpose()?;
        let host = parse_host(host).ok_or_else(|| {
            if is_ipv6 {
                ParseEgressRuleError::Ipv6(shown())
            } else {
                ParseEgressRuleError::Host(shown())
            }
        })?;
        Ok(Self { host, port })
    }
}

/// Splits `[host]:port`, `[host]`, and IPv6 without brackets, which has no port.
fn split_brackets(text: &str) -> Option<(&str, Option<&str>)> {
    let Some(rest) = text.strip_prefix('[') else {
        return Some((text, None));
    };
    let (host, after) = rest.split_once(']')?;
    let is_ipv6 = host.contains(':');
    match after.strip_prefix(':') {
        Some(port) if is_ipv6 => Some((host, Some(port))),
        None if is_ipv6 && after.is_empty() => Some((host, None)),
        _ => None,
    }
}

/// Whether the network has addresses that stand for IPv4 addresses.
fn stands_for_ipv4(network: &IpNet) -> bool {
    TRANSLATED.iter().any(|range| {
        range
            .parse::<IpNet>()
            .is_ok_and(|range| range.contains(network) || network.contains(&range))
    })
}

fn parse_host(text: &str) -> Option<EgressHost> {
    if let Ok(network) = text.parse::<Network>() {
        return Some(EgressHost::Network(network.truncated().net()));
    }
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    // A last label that is a number would make the name an IPv4 address (WHATWG URL, "ends in a number").
    let is_number = name.rsplit('.').next().is_some_and(|label| {
        label.bytes().all(|byte| byte.is_ascii_digit()) || label.starts_with("0x")
    });
    let is_name = name.len() <= MAX_NAME_BYTES && name.split('.').all(is_label) && !is_number;
    is_name.then_some(EgressHost::Name(name))
}

impl fmt::Display for EgressRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match &self.host {
            EgressHost::Name(name) => name.clone(),
            EgressHost::Network(network) if network.prefix_len() == network.max_prefix_len() => {
                network.addr().to_string()
            }
            EgressHost::Network(network) => network.to_string(),
        };
        match self.port {
            Some(port) if self.is_ipv6() => write!(f, "[{host}]:{port}"),
            Some(port) => write!(f, "{host}:{port}"),
            None => f.write_str(&host),
        }
    }
}

impl Serialize for EgressRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EgressRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_displayed_in_canonical_form() {
        for (given, shown) in [
            ("db.internal:5432", "db.internal:5432"),
            ("DB.Internal.", "db.internal"),
            ("my_db:1", "my_db:1"),
            ("localhost:65535", "localhost:65535"),
            ("192.0.2.7:6379", "192.0.2.7:6379"),
            ("192.0.2.7/32", "192.0.2.7"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("10.0.0.0/8:5432", "10.0.0.0/8:5432"),
            ("[FD12:0::7]:5432", "[fd12::7]:5432"),
            ("[fd12::7]", "fd12::7"),
            ("fd12::7", "fd12::7"),
            ("fd12:1:2:3::/16", "fd12::/16"),
            ("[fd12::1/16]:5432", "[fd12::/16]:5432"),
            ("[::ffff:10.0.0.1]:5432", "10.0.0.1:5432"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ] {
            let rule: EgressRule = given.parse().unwrap();
            assert_eq!(rule.to_string(), shown);
            assert_eq!(shown.parse(), Ok(rule));
        }
    }

    #[test]
    fn a_rule_that_opens_too_much_has_a_warning() {
        let warning = |rule: &str| rule.parse::<EgressRule>().unwrap().warning();
        for (rule, opens) in [
            ("169.254.169.254", &["metadata"][..]),
            ("169.254.169.254:80", &["metadata"]),
            ("169.254.0.0/16", &["metadata"]),
            ("Metadata.Google.Internal.", &["metadata"]),
            (
                "0.0.0.0/0",
                &["this machine", "private networks", "metadata"],
            ),
            ("0.0.0.0/1:443", &["this machine", "private networks"]),
            ("128.0.0.0/1", &["private networks", "metadata"]),
            ("fd00:ec2::254", &["metadata"]),
            ("[fd00::/16]:80", &["metadata", "private networks"]),
            (
                "::/0",
                &["this machine", "private networks", "NAT64", "metadata"],
            ),
            ("[64:ff9b::a9fe:a9fe]:80", &["NAT64"]),
            ("2002:a00:1::/48", &["6to4"]),
            ("2001::1", &["Teredo"]),
            ("::ffff:0:a00:1", &["SIIT"]),
        ] {
            let warning = warning(rule).unwrap();
            for part in opens {
                assert!(warning.contains(part), "{rule}: {warning}");
            }
        }
        for rule in [
            "10.0.0.0/8",
            "127.0.0.1:5432",
            "db.internal",
            "169.254.1.1",
            "8.8.8.8",
            "[::1]:5432",
            "fd12:3456:789a::/48",
            "2001:db8::1",
        ] {
            assert_eq!(warning(rule), None);
        }
    }

    #[test]
    fn the_error_says_why_a_text_is_not_a_rule() {
        for (given, reason) in [
            ("db.internal:", "the port"),
            ("db.internal:0", "the port"),
            ("db.internal:+1", "the port"),
            ("db.internal:65536", "the port"),
            ("db.internal:postgres", "the port"),
            ("[::1]:0", "the port"),
            ("[::1]80", "IPv6"),
            ("[fd12::]/16:80", "IPv6"),
            ("[10.0.0.1]:80", "IPv6"),
            ("[db.internal]:80", "IPv6"),
            ("fe80::1%eth0", "IPv6"),
            ("fd12::/129", "IPv6"),
            ("a:b:c", "IPv6"),
            ("*.internal", "wildcards"),
            ("postgres://u:p@db.internal:5432/x", "URL"),
            ("", "neither"),
            ("a b", "neither"),
            ("-db", "neither"),
            ("db..internal", "neither"),
            ("10.0.0.0/33", "neither"),
            ("10.0.0.256", "neither"),
            ("2130706433", "neither"),
            ("0x7f000001", "neither"),
            ("db.internal\n:1", "neither"),
        ] {
            let error = given.parse::<EgressRule>().unwrap_err().to_string();
            assert!(error.contains(reason), "{given}: {error}");
        }
    }
}
