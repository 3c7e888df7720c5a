//! Finds the function of a request: by its host, or on loopback by its path.

/// Prefix of the paths of functions on loopback.
pub(crate) const FUNCTION_PATHS: &str = "/fn/";

/// The domain whose subdomains are functions.
#[derive(Debug, Clone)]
pub(crate) struct Domain {
    name: String,
    /// Scheme and port of the displayed URLs.
    scheme: &'static str,
    port: Option<u16>,
    /// Scheme and address of a loopback listener. On this listener, `/fn/<slug>/` also addresses a function, for tools
    /// that cannot resolve `*.localhost`.
    loopback: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Address<'a> {
    /// The label of a function, and the path that the function sees.
    Function { label: &'a str, path: &'a str },
    /// The host is not below the functions domain.
    Other,
}

impl Domain {
    /// Creates the domain. `tls`: whether the listener has a certificate.
    pub(crate) fn new(name: &str, listener: std::net::SocketAddr, tls: bool) -> Self {
        // Names below `localhost` resolve to this machine (RFC 6761, section 6.3). No proxy is in between, so the URL
        // has the scheme and port of the listener.
        let local = is_local_domain(name);
        let scheme = |plain| if plain { "http" } else { "https" };
        let is_loopback = listener.ip().is_loopback();
        Self {
            name: name.to_owned(),
            scheme: scheme(local && !tls),
            port: local.then_some(listener.port()),
            loopback: is_loopback.then(|| format!("{}://{listener}", scheme(!tls))),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns scheme and authority of a function's URL.
    pub(crate) fn url(&self, slug: &str) -> String {
        let Self { name, scheme, .. } = self;
        match self.port {
            Some(port) => format!("{scheme}://{slug}.{name}:{port}"),
            None => format!("{scheme}://{slug}.{name}"),
        }
    }

    /// Returns a loopback URL of the function that works without `*.localhost` names. `None` if [`Domain::url`] has no
    /// such name.
    pub(crate) fn local_url(&self, slug: &str) -> Option<String> {
        let loopback = self.loopback.as_ref().filter(|_| self.port.is_some())?;
        Some(format!("{loopback}/fn/{slug}/"))
    }

    /// Finds the function that a request addresses. `host` is in lower case, with or without a port.
    pub(crate) fn address<'a>(&self, host: &'a str, path: &'a str) -> Address<'a> {
        if let Some(label) = self.label(host) {
            return Address::Function { label, path };
        }
        if self.loopback.is_some()
            && is_this_machine(host)
            && let Some(rest) = path.strip_prefix(FUNCTION_PATHS)
        {
            let (label, path) = match rest.find('/') {
                Some(end) => rest.split_at(end),
                None => (rest, "/"),
            };
            return Address::Function { label, path };
        }
        Address::Other
    }

    fn label<'a>(&self, host: &'a str) -> Option<&'a str> {
        name_of(host).strip_suffix(&self.name)?.strip_suffix('.')
    }
}

/// Whether the domain and the names below it always mean this machine (RFC 6761, section 6.3).
pub(crate) fn is_local_domain(name: &str) -> bool {
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether the host always means this machine. Any other name that resolves to this machine may belong to a web page
/// (DNS rebinding).
pub(super) fn is_this_machine(host: &str) -> bool {
    matches!(name_of(host), "localhost" | "[::1]")
        || name_of(host)
            .parse::<std::net::Ipv4Addr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Whether the name is below `localhost` (RFC 6761, section 6.3).
pub(super) fn is_local_name(host: &str) -> bool {
    name_of(host).ends_with(".localhost")
}

/// Returns the host without its port, and without the trailing dot of a fully qualified name.
fn name_of(host: &str) -> &str {
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    host.strip_suffix('.').unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> Domain {
        Domain::new("fn.localhost", "127.0.0.1:4400".parse().unwrap(), false)
    }

    #[test]
    fn functions_are_named_by_host() {
        let domain = local();
        let found = |host| domain.address(host, "/x");
        let function = Address::Function {
            label: "mi-funcion",
            path: "/x",
        };
        assert_eq!(found("mi-funcion.fn.localhost"), function);
        assert_eq!(found("mi-funcion.fn.localhost:4400"), function);
        assert_eq!(found("mi-funcion.fn.localhost."), function);
        for other in [
            "fn.localhost",
            "localhost:4400",
            "127.0.0.1:4400",
            "xfn.localhost",
            "[::1]:80",
        ] {
            assert_eq!(found(other), Address::Other, "{other}");
        }
    }

    #[test]
    fn functions_are_named_by_path_on_loopback_only() {
        let function = |path| Address::Function {
            label: "mi-funcion",
            path,
        };
        assert_eq!(
            local().address("127.0.0.1:4400", "/fn/mi-funcion/a/b"),
            function("/a/b")
        );
        assert_eq!(
            local().address("127.0.0.1:4400", "/fn/mi-funcion"),
            function("/")
        );
        for name in ["localhost:4400", "[::1]:4400", "127.0.0.1"] {
            assert_eq!(
                local().address(name, "/fn/mi-funcion"),
                function("/"),
                "{name}"
            );
        }
        for other in [
            "evil.example.com",
            "evil.example.com:4400",
            "127.0.0.1.evil.com",
            "1.2.3.4",
        ] {
            assert_eq!(
                local().address(other, "/fn/mi-funcion"),
                Address::Other,
                "{other}"
            );
        }
        let open = Domain::new("fn.example.com", "0.0.0.0:80".parse().unwrap(), false);
        assert_eq!(
            open.address("127.0.0.1:80", "/fn/mi-funcion/"),
            Address::Other
        );
    }

    #[test]
    fn urls() {
        assert_eq!(local().url("a"), "http://a.fn.localhost:4400");
        assert_eq!(
            local().local_url("a").as_deref(),
            Some("http://127.0.0.1:4400/fn/a/")
        );
        let open = Domain::new("fn.jelou.ai", "127.0.0.1:4400".parse().unwrap(), false);
        assert_eq!(open.url("mi-funcion"), "https://mi-funcion.fn.jelou.ai");
        assert_eq!(open.local_url("mi-funcion"), None);
        let encrypted = Domain::new("fn.localhost", "127.0.0.1:4400".parse().unwrap(), true);
        assert_eq!(encrypted.url("a"), "https://a.fn.localhost:4400");
    }
}
