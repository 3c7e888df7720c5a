//! The section `[egress]`: how functions and builds reach other networks.

use std::fmt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jelou_core::EgressRule;
use percent_encoding::percent_decode_str;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Egress {
    /// Destinations in denied ranges that functions may connect to anyway.
    pub allow: Vec<EgressRule>,
    /// The proxy. `None`: functions and builds connect directly.
    #[serde(default)]
    pub proxy: Option<ProxyUrl>,
    /// Whether the proxy resolves the names of targets.
    #[serde(default)]
    pub proxy_resolves: bool,
    /// Names and networks that are connected to without the proxy.
    #[serde(default)]
    pub no_proxy: Vec<String>,
    /// File with additional certificate authorities, in PEM.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Hosts that builds may import remote modules from.
    #[serde(default)]
    pub module_hosts: Vec<ModuleHost>,
}

/// A host that builds may import remote modules from, with or without a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleHost(String);

impl fmt::Display for ModuleHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ModuleHost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?.to_ascii_lowercase();
        let authority = text.parse::<http::uri::Authority>();
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
        if authority.is_ok() && text.chars().all(is_name) {
            return Ok(Self(text));
        }
        Err(D::Error::custom(format!(
            "`{}` is not a host such as `deno.land` or `modules.example.com:8443`",
            text.escape_debug()
        )))
    }
}

/// The URL of a proxy, which may contain a password. `Debug` omits the password.
#[derive(Clone)]
pub struct ProxyUrl {
    /// The complete URL, for child processes that use the proxy directly.
    url: Zeroizing<String>,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The value of `Proxy-Authorization`.
    pub(crate) authorization: Option<Zeroizing<String>>,
}

impl ProxyUrl {
    /// Parses `http://host:port` or `http://user:password@host:port`.
    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("http://")?.trim_end_matches('/');
        let (user_info, authority) = match rest.rsplit_once('@') {
            Some((user_info, authority)) => (Some(user_info), authority),
            None => (None, rest),
        };
        let authority: http::uri::Authority = authority.parse().ok()?;
        let authorization = user_info.map(|user_info| {
            let decoded: Zeroizing<Vec<u8>> =
                Zeroizing::new(percent_decode_str(user_info).collect());
            Zeroizing::new(format!("Basic {}", STANDARD.encode(&*decoded)))
        });
        Some(Self {
            url: Zeroizing::new(format!("http://{rest}")),
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16()?,
            authorization,
        })
    }

    pub(crate) fn expose(&self) -> &str {
        &self.url
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

impl<'de> Deserialize<'de> for ProxyUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        // The message does not contain the value, which may contain a password.
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(
                "the value is not `http://HOST:PORT` or `http://USER:PASSWORD@HOST:PORT`; special characters in the password are percent-encoded",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_has_a_port_and_hides_its_password() {
        let proxy = ProxyUrl::parse("http://ana:s%40cret@proxy.example:3128/").unwrap();
        assert_eq!((&*proxy.host, proxy.port), ("proxy.example", 3128));
        let authorization = proxy.authorization.as_ref().unwrap();
        assert_eq!(
            **authorization,
            format!("Basic {}", STANDARD.encode("ana:s@cret"))
        );
        assert_eq!(format!("{proxy:?}"), "http://proxy.example:3128");
        for bad in [
            "proxy.example:3128",
            "https://proxy.example:3128",
            "socks5://proxy.example:1080",
            "http://proxy.example",
            "http://a b:3128",
            "",
        ] {
            assert!(ProxyUrl::parse(bad).is_none(), "{bad}");
        }
    }
}
