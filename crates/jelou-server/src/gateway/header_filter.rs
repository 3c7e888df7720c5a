//! Filters headers between the caller and the worker.

use http::header::{self, HeaderMap, HeaderName};

/// Prefix of the platform's own headers. The gateway neither accepts them from a caller nor sends them to one.
const INTERNAL_PREFIX: &str = "x-jelou-";

/// Removes the headers that must not be forwarded: headers of one connection, the platform's own headers, and headers
/// for which `is_dropped` is true.
pub(crate) fn strip(headers: &mut HeaderMap, is_dropped: impl Fn(&str) -> bool) {
    if headers.contains_key(header::CONNECTION) {
        for name in connection_options(headers) {
            headers.remove(name);
        }
    }
    let dropped = |name: &HeaderName| {
        let name = name.as_str();
        is_hop_by_hop(name) || name.starts_with(INTERNAL_PREFIX) || is_dropped(name)
    };
    while let Some(name) = headers.keys().find(|name| dropped(name)).cloned() {
        headers.remove(name);
    }
}

/// Whether the header belongs to one connection (RFC 9110, section 7.6.1).
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Returns the names of the headers that `Connection` lists.
fn connection_options(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_end_to_end_headers_pass() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Once"),
            ("x-once", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("x-jelou-token", "secret"),
            ("x-jelou-identity", "forged"),
            ("x-dropped", "1"),
            ("x-custom", "stays"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers.append("x-jelou-token", HeaderValue::from_static("twice"));
        strip(&mut headers, |name| name == "x-dropped");
        assert_eq!(headers.len(), 1);
        assert_eq!(headers["x-custom"], "stays");
    }
}
