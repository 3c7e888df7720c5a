//! Headers on their way to a worker and back.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Prefix of the headers between the gateway and a worker; none of them passes from or to a caller.
const INTERNAL_PREFIX: &str = "x-jelou-";

/// Headers of one connection (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Takes out what a message must not carry further: hop-by-hop headers and the platform's own.
pub(crate) fn strip(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        for name in connection_options(headers) {
            headers.remove(name);
        }
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    while let Some(name) = internal(headers) {
        headers.remove(name);
    }
}

/// Headers that `Connection` names as belonging to this connection only.
fn connection_options(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect()
}

fn internal(headers: &HeaderMap) -> Option<HeaderName> {
    headers
        .keys()
        .find(|name| name.as_str().starts_with(INTERNAL_PREFIX))
        .cloned()
}

pub(crate) fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    // Every value that is set is ASCII by construction; one that is not is left out.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

#[cfg(test)]
mod tests {
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
            ("x-custom", "stays"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers.append("x-jelou-token", HeaderValue::from_static("twice"));
        strip(&mut headers);
        assert_eq!(headers.len(), 1);
        assert_eq!(headers["x-custom"], "stays");
    }
}
