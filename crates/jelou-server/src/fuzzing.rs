//! Entry points for the fuzz targets of parsers that are private. Each panics if a parser breaks a rule.

use http::{HeaderMap, HeaderName, HeaderValue, Request};

use crate::gateway::{self, Address, Domain};
use crate::network::TrustedProxies;
use crate::oidc;

/// Host routing: the first line is the host, the second one the target of the request.
///
/// # Panics
/// A rule is broken.
pub fn host(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let (host, target) = text.split_once('\n').unwrap_or((text, "/"));
    let host = host.to_ascii_lowercase();
    let listener = std::net::SocketAddr::from(([127, 0, 0, 1], 4400));
    let domain = Domain::new("fn.localhost", listener, false);
    if let Address::Function { label, path } = domain.address(&host, target) {
        assert!(target.ends_with(path) || path == "/");
        let by_host = host.contains(&format!("{label}.{}", domain.name()));
        assert!(by_host || target.starts_with(gateway::FUNCTION_PATHS));
    }
    let Ok(mut request) = Request::builder().uri(target).body(()) else {
        return;
    };
    if gateway::target::read(&mut request, 0).is_ok() {
        let path = request.uri().path().to_owned();
        assert!(path.starts_with('/'));
        assert!(!path.split('/').any(gateway::target::is_dot_segment));
        // Reading the result again changes nothing.
        assert!(gateway::target::read(&mut request, 0).is_ok());
        assert_eq!(request.uri().path(), path);
    }
}

/// The headers of a request, one in each line.
///
/// # Panics
/// A rule is broken.
pub fn headers(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(88) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let name = parts.next().map(HeaderName::from_bytes);
        let value = parts
            .next()
            .map(<[u8]>::trim_ascii)
            .map(HeaderValue::from_bytes);
        if let (Some(Ok(name)), Some(Ok(value))) = (name, value) {
            headers.append(name, value);
        }
    }
    let peer = [10, 0, 0, 1].into();
    let none = TrustedProxies::default();
    assert_eq!(none.caller(peer, &headers), peer);
    gateway::header_filter::strip(&mut headers, |name| name == "x-dropped");
    for name in headers.keys() {
        let name = name.as_str();
        assert!(!name.starts_with("x-jelou-"), "{name}");
        let of_connection = ["connection", "te", "transfer-encoding", "upgrade"];
        assert!(!of_connection.contains(&name), "{name}");
    }
}

/// Identity tokens: a text without a signature of the key is refused.
///
/// # Panics
/// A rule is broken.
pub fn jwt(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data) {
        oidc::check_refused(text);
    }
}
