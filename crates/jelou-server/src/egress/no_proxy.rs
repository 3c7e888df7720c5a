//! The hosts that are connected to without the proxy.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

#[derive(Debug, Default)]
pub(super) struct NoProxy {
    /// Names in lower case. A name includes its subdomains.
    names: Vec<String>,
    networks: Vec<Ipv4Net>,
}

impl NoProxy {
    /// Parses the entries: names, with or without a leading `.` or `*.`, addresses and networks.
    pub(super) fn parse(entries: &[String]) -> Self {
        let mut parsed = Self::default();
        for entry in entries {
            let entry = entry.trim().to_ascii_lowercase();
            let network = entry.parse().or_else(|_| {
                entry
                    .parse()
                    .map(|address: Ipv4Addr| Ipv4Net::from(address))
            });
            match network {
                Ok(network) => parsed.networks.push(network),
                Err(_) => {
                    let name = entry.trim_start_matches('*').trim_start_matches('.');
                    parsed.names.push(name.to_owned());
                }
            }
        }
        parsed
    }

    pub(super) fn matches(&self, host: &str) -> bool {
        self.names.iter().any(|name| {
            host.strip_suffix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }

    pub(super) fn contains(&self, address: Ipv4Addr) -> bool {
        self.networks.iter().any(|range| range.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_names_and_networks() {
        let entries = [
            "*.Corp.example",
            ".local",
            "db.example",
            "10.0.0.0/8",
            "192.0.2.1",
        ];
        let no_proxy = NoProxy::parse(&entries.map(str::to_owned));
        for host in ["corp.example", "a.b.corp.example", "x.local", "db.example"] {
            assert!(no_proxy.matches(host), "{host}");
        }
        for host in [
            "notcorp.example",
            "example",
            "db.example.org",
            "adb.example",
        ] {
            assert!(!no_proxy.matches(host), "{host}");
        }
        assert!(no_proxy.contains([10, 1, 2, 3].into()));
        assert!(no_proxy.contains([192, 0, 2, 1].into()));
        assert!(!no_proxy.contains([192, 0, 2, 2].into()));
    }
}
