//! The HTTP client of calls.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error};

/// Longer than any call can take.
const TIMEOUT: Duration = Duration::from_mins(15);

pub(super) fn new() -> Agent {
    let config = Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .build();
    Agent::with_parts(config, DefaultConnector::default(), LocalNames::default())
}

/// Resolves names below `localhost` to this machine (RFC 6761, section 6.3), as browsers and curl do. The resolver of
/// the system often cannot resolve them.
#[derive(Debug, Default)]
struct LocalNames(DefaultResolver);

impl Resolver for LocalNames {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let is_local = uri.host().is_some_and(|host| {
            let host = host.trim_end_matches('.').to_ascii_lowercase();
            host.ends_with(".localhost")
        });
        if !is_local {
            return self.0.resolve(uri, config, timeout);
        }
        let default = if uri.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        let port = uri.port_u16().unwrap_or(default);
        let mut addresses = self.empty();
        addresses.push((Ipv4Addr::LOCALHOST, port).into());
        addresses.push((Ipv6Addr::LOCALHOST, port).into());
        Ok(addresses)
    }
}
