//! Egress rules: the destinations that functions may connect to although they are denied by default.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZero;
use std::str::FromStr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Maximum bytes of a host name (RFC 1035, section 2.3.4).
const MAX_NAME_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;
/// The address and the names of the metadata service of most clouds, which also returns credentials.
const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
const METADATA_NAMES: [&str; 4] = [
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
];
/// A shorter prefix opens more than the largest private network (`10.0.0.0/8`).
const LEAST_PREFIX_BITS: u8 = 8;

/// A host name, an address or a network, with or without a port: `db.internal:5432`, `192.0.2.7`, `10.0.0.0/8`.
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
    Network(Ipv4Net),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseEgressRuleError {
    #[error("`{0}`: the port must be a number from 1 to 65535")]
    Port(String),
    #[error(
        "`{0}` is IPv6; rules are for IPv4, and `sandbox.ipv6` turns IPv6 on for every function"
    )]
    Ipv6(String),
    #[error("`{0}`: rules have no wildcards; name each host, or a network such as 10.0.0.0/8")]
    Wildcard(String),
    #[error("`{0}` is a URL; give the host and the port, for instance db.internal:5432")]
    Url(String),
    #[error(
        "`{0}` is neither a host name, an IPv4 address nor a network, with or without a port (for instance db.internal:5432, 192.0.2.7:6379 or 10.0.0.0/8)"
    )]
    Host(String),
}

impl EgressRule {
    /// Whether the host is a name, which a process must resolve.
    pub fn is_name(&self) -> bool {
        matches!(self.host, EgressHost::Name(_))
    }

    /// Returns a warning if the rule opens more than is probably intended.
    pub fn warning(&self) -> Option<String> {
        let mut opens = Vec::new();
        let is_metadata = match &self.host {
            EgressHost::Name(name) => METADATA_NAMES.contains(&name.as_str()),
            EgressHost::Network(network) => {
                if network.prefix_len() < LEAST_PREFIX_BITS {
                    if network.contains(&Ipv4Addr::LOCALHOST) {
                        opens.push("every service of this machine".to_owned());
                    }
                    opens.push("whole private networks".to_owned());
                }
                network.contains(&METADATA)
            }
        };
        if is_metadata {
            opens.push(format!(
                "the metadata service of clouds ({METADATA}), which returns the credentials of this machine to every caller"
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
        if text.starts_with('[') || text.matches(':').count() > 1 {
            return Err(ParseEgressRuleError::Ipv6(shown()));
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        };
        let port = port
            .map(|port| {
                // `parse` also accepts a leading `+`.
                let digits = port.bytes().all(|byte| byte.is_ascii_digit());
                port.parse().ok().filter(|_| digits)
            })
            .map(|port| port.ok_or_else(|| ParseEgressRuleError::Port(shown())))
            .transpose()?;
        let host = parse_host(host).ok_or_else(|| ParseEgressRuleError::Host(shown()))?;
        Ok(Self { host, port })
    }
}

fn parse_host(text: &str) -> Option<EgressHost> {
    if let Ok(network) = text.parse::<Ipv4Net>() {
        return Some(EgressHost::Network(network.trunc()));
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Some(EgressHost::Network(address.into()));
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
        match &self.host {
            EgressHost::Name(name) => f.write_str(name)?,
            EgressHost::Network(network) if network.prefix_len() == 32 => {
                write!(f, "{}", network.addr())?;
            }
            EgressHost::Network(network) => write!(f, "{network}")?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
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

/// Returns the IPv4 address of an IPv4 or IPv4-mapped IPv6 address.
pub fn ipv4_of(address: IpAddr) -> Option<Ipv4Addr> {
    match address.to_canonical() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_have_one_form() {
        for (given, shown) in [
            ("db.internal:5432", "db.internal:5432"),
            ("DB.Internal.", "db.internal"),
            ("my_db:1", "my_db:1"),
            ("localhost:65535", "localhost:65535"),
            ("192.0.2.7:6379", "192.0.2.7:6379"),
            ("192.0.2.7/32", "192.0.2.7"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("10.0.0.0/8:5432", "10.0.0.0/8:5432"),
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
        ] {
            assert_eq!(warning(rule), None);
        }
    }

    #[test]
    fn what_is_no_rule_is_said() {
        for (given, reason) in [
            ("db.internal:", "the port"),
            ("db.internal:0", "the port"),
            ("db.internal:+1", "the port"),
            ("db.internal:65536", "the port"),
            ("db.internal:postgres", "the port"),
            ("[::1]:80", "IPv6"),
            ("fd00::1", "IPv6"),
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
