//! The openings of a process: what it may connect to although it is denied by default. They come from egress rules with
//! resolved names. Deno's permissions and the firewall get the addresses when the process starts, and never change
//! them.

use std::net::IpAddr;
use std::num::NonZero;
use std::time::Duration;

use ipnet::IpNet;
use jelou_core::{EgressHost, EgressRule};
use jelou_sandbox::{Opening, denied_addresses};
use serde::Serialize;

/// Maximum time for which a start waits for the resolver.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(3);
/// Maximum bytes of a flag: one argument of exec may have 128 KiB (execve(2)).
const MAX_FLAG_BYTES: usize = 64 * 1024;

#[derive(Debug)]
pub(crate) struct Openings {
    rules: Vec<OpenRule>,
    /// The flags of Deno that deny all other addresses.
    deny_flags: Vec<String>,
}

/// The address families that functions can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Families {
    Ipv4,
    /// Also IPv6 (`sandbox.ipv6`).
    Both,
}

/// A rule with its networks. `networks` is empty if the rule's name does not resolve, and for a network of IPv6 if
/// functions have no IPv6.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct OpenRule {
    rule: EgressRule,
    networks: Vec<IpNet>,
}

impl Openings {
    /// Resolves the names of the rules, and computes the flags.
    pub(crate) async fn resolve<'a>(
        rules: impl Iterator<Item = &'a EgressRule>,
        families: Families,
    ) -> Self {
        let rules = OpenRule::resolve_all(rules, families).await;
        // Computing the flags of a rule with a port takes some milliseconds.
        let flags = move || Self::of(rules);
        tokio::task::spawn_blocking(flags)
            .await
            .unwrap_or_else(|_| Self::of(Vec::new()))
    }

    fn of(rules: Vec<OpenRule>) -> Self {
        Self {
            deny_flags: deny_flags(&openings(&rules)),
            rules,
        }
    }

    pub(crate) fn rules(&self) -> &[OpenRule] {
        &self.rules
    }

    pub(crate) fn list(&self) -> Vec<Opening> {
        openings(&self.rules)
    }

    pub(crate) fn deny_flags(&self) -> &[String] {
        &self.deny_flags
    }

    /// Returns the rules whose names do not resolve.
    pub(crate) fn unresolved(&self) -> Vec<String> {
        let names = self.rules.iter().filter(|rule| rule.rule.is_name());
        let unresolved = names.filter(|rule| rule.networks.is_empty());
        unresolved.map(|rule| rule.rule.to_string()).collect()
    }

    /// Finds the first name that now resolves to an address that is not open. Returns a text with the name and its
    /// addresses.
    pub(crate) fn outdated_by(&self, now: &[OpenRule]) -> Option<String> {
        let moved = now.iter().find(|new| {
            let old = self.rules.iter().find(|old| old.rule == new.rule);
            let is_open = |network| old.is_some_and(|old| old.networks.contains(network));
            !new.networks.iter().all(is_open)
        })?;
        let addresses: Vec<_> = moved
            .networks
            .iter()
            .map(|net| net.addr().to_string())
            .collect();
        Some(format!("{} is now at {}", moved.rule, addresses.join(", ")))
    }
}

fn openings(rules: &[OpenRule]) -> Vec<Opening> {
    let opening = |rule: &OpenRule| {
        let port = rule.rule.port.map(NonZero::get);
        let networks = rule.networks.clone().into_iter();
        networks.map(move |network| Opening { network, port })
    };
    rules.iter().flat_map(opening).collect()
}

fn deny_flags(openings: &[Opening]) -> Vec<String> {
    let mut flags: Vec<String> = Vec::new();
    for address in denied_addresses(openings) {
        match flags.last_mut() {
            Some(flag) if flag.len() + address.len() < MAX_FLAG_BYTES => {
                flag.push(',');
                flag.push_str(&address);
            }
            _ => flags.push(format!("--deny-net={address}")),
        }
    }
    flags
}

impl OpenRule {
    /// Resolves the names of all rules, at the same time.
    pub(crate) async fn resolve_all<'a>(
        rules: impl Iterator<Item = &'a EgressRule>,
        families: Families,
    ) -> Vec<Self> {
        let resolving: Vec<_> = rules
            .cloned()
            .map(|rule| tokio::spawn(Self::resolve(rule, families)))
            .collect();
        let mut rules = Vec::new();
        for rule in resolving {
            rules.extend(rule.await);
        }
        rules
    }

    pub(crate) fn rule(&self) -> &EgressRule {
        &self.rule
    }

    async fn resolve(rule: EgressRule, families: Families) -> Self {
        let mut networks = match &rule.host {
            EgressHost::Network(network) => vec![*network],
            EgressHost::Name(name) => {
                let addresses = addresses_of(name).await;
                addresses.into_iter().map(IpNet::from).collect()
            }
        };
        networks.retain(|network| families == Families::Both || network.addr().is_ipv4());
        networks.sort();
        networks.dedup();
        Self { rule, networks }
    }
}

/// Resolves a name. Returns an empty list for a name that does not resolve.
async fn addresses_of(name: &str) -> Vec<IpAddr> {
    let resolved = tokio::time::timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((name, 0)));
    match resolved.await {
        Ok(Ok(found)) => found.map(|address| address.ip().to_canonical()).collect(),
        Ok(Err(error)) => {
            tracing::debug!(name, %error, "a name of an egress rule does not resolve");
            Vec::new()
        }
        Err(_) => {
            tracing::debug!(name, "the resolver does not answer in time");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn open(rules: &[&str]) -> Openings {
        let rules: Vec<EgressRule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        Openings::resolve(rules.iter(), Families::Ipv4).await
    }

    #[tokio::test]
    async fn names_are_resolved_to_addresses() {
        let opened = open(&["localhost:5432", "10.0.0.0/8", "no.such.name.invalid:1"]).await;
        let expected =
            [("127.0.0.1/32", Some(5432)), ("10.0.0.0/8", None)].map(|(network, port)| Opening {
                network: network.parse().unwrap(),
                port,
            });
        assert_eq!(opened.list(), expected);
        assert_eq!(opened.unresolved(), ["no.such.name.invalid:1"]);
    }

    #[tokio::test]
    async fn ipv6_is_open_only_where_functions_have_it() {
        let rules = ["[fd12::7]:5432", "::ffff:10.1.2.3"];
        let rules: Vec<EgressRule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        for (families, expected) in [
            (Families::Ipv4, &["10.1.2.3/32"][..]),
            (Families::Both, &["fd12::7/128", "10.1.2.3/32"]),
        ] {
            let opened = Openings::resolve(rules.iter(), families).await;
            let networks: Vec<_> = opened
                .list()
                .iter()
                .map(|opening| opening.network.to_string())
                .collect();
            assert_eq!(networks, expected);
            assert_eq!(opened.unresolved(), [""; 0]);
        }
    }

    #[tokio::test]
    async fn a_flag_fits_into_an_argument() {
        let opened = open(&["127.0.0.1:5432"]).await;
        let flags = opened.deny_flags();
        assert!(flags.len() > 5 && flags.iter().all(|flag| flag.len() < 128 * 1024));
        let all = flags.join(",");
        assert!(all.contains("127.0.0.1:5431,127.0.0.1:5433,"));
    }

    #[tokio::test]
    async fn a_process_is_outdated_only_by_a_new_address() {
        let one = open(&["localhost:5432"]).await;
        let mut moved = one.rules.clone();
        assert_eq!(one.outdated_by(&moved), None);
        moved[0].networks = vec!["127.0.0.2/32".parse().unwrap()];
        let told = one.outdated_by(&moved).unwrap();
        assert_eq!(told, "localhost:5432 is now at 127.0.0.2");
        // A failed resolution closes nothing.
        moved[0].networks.clear();
        assert_eq!(one.outdated_by(&moved), None);
    }
}
