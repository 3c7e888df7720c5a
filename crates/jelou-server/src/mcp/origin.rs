//! Checks the origin of web pages that use MCP. With DNS rebinding, a page can reach the server, but it cannot hide its
//! origin.

use http::Uri;
use http::header::{self, HeaderMap};

use super::Exchange;

/// Whether the request has no origin, a local origin, the function's own origin, or an origin that the function or the
/// operator lists. A CORS `*` is not such a list.
pub(super) fn is_allowed(exchange: Exchange<'_>, headers: &HeaderMap) -> bool {
    headers.get_all(header::ORIGIN).iter().all(|origin| {
        origin
            .to_str()
            .is_ok_and(|origin| is_local(origin) || is_named(exchange, origin))
    })
}

fn is_named(exchange: Exchange<'_>, origin: &str) -> bool {
    let own = || exchange.gateway.domain.url(exchange.function.slug.as_str());
    let operator = &exchange.gateway.mcp.allowed_origins;
    operator.iter().any(|allowed| allowed == origin)
        || exchange.live.documents.mcp.allows(origin)
        || own() == origin
}

fn is_local(origin: &str) -> bool {
    let Ok(uri) = origin.parse::<Uri>() else {
        return false;
    };
    let Some(host) = uri.host() else {
        return false;
    };
    let host = host.to_ascii_lowercase();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_this_machine() {
        for local in [
            "http://localhost:3000",
            "https://LOCALHOST",
            "http://127.0.0.1:4400",
            "http://[::1]:80",
            "http://a.fn.localhost:4400",
        ] {
            assert!(is_local(local), "{local}");
        }
        for foreign in [
            "null",
            "",
            "http://evil.example.com",
            "http://localhost.evil.example.com",
            "http://notlocalhost",
            "http://10.0.0.1",
            "file://",
        ] {
            assert!(!is_local(foreign), "{foreign}");
        }
    }
}
