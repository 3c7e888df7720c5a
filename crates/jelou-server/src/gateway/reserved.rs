//! Paths that never reach a handler, however they are written.

use percent_encoding::percent_decode_str;

use crate::documents::{HEALTH_PATH, MCP_PATH, OPENAPI_PATH, TOKEN_PATH};
use crate::registry::Routes;

/// A path that the platform answers instead of the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reserved {
    Mcp,
    Health,
    OpenApi,
    Token,
}

impl Reserved {
    /// Finds the reserved path that `path` means. Extra slashes and percent-encoding make no difference, as for any
    /// route. Case makes no difference either: an MCP client that sends to `/MCP` must not start a handler.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let name = path.trim_matches('/');
        let is = |reserved: &str| {
            let name = percent_decode_str(name).map(|byte| byte.to_ascii_lowercase());
            name.eq(reserved[1..].bytes())
        };
        [
            (MCP_PATH, Self::Mcp),
            (HEALTH_PATH, Self::Health),
            (OPENAPI_PATH, Self::OpenApi),
            (TOKEN_PATH, Self::Token),
        ]
        .into_iter()
        .find_map(|(path, reserved)| is(path).then_some(reserved))
    }
}

/// Whether MCP clients search for an authorization server at this path, and no route has its first segment (RFC 8615;
/// RFC 9728; RFC 7591, whose default is `/register`). There is no authorization server, because runtime tokens are not
/// OAuth tokens. Clients would treat a 401 here as an OAuth error.
pub(crate) fn is_probe(path: &str, routes: &Routes) -> bool {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    let is_probe = match segments.next() {
        Some(".well-known") => true,
        Some("register") => segments.next().is_none(),
        _ => false,
    };
    is_probe && !routes.name_first_segment(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_reserved_paths() {
        for (path, reserved) in [
            ("/mcp", Reserved::Mcp),
            ("/mcp/", Reserved::Mcp),
            ("//mcp", Reserved::Mcp),
            ("/MCP", Reserved::Mcp),
            ("/%6dcp//", Reserved::Mcp),
            ("/__health/", Reserved::Health),
            ("/__HEALTH", Reserved::Health),
            ("//openapi.json", Reserved::OpenApi),
            ("/OpenAPI%2ejson/", Reserved::OpenApi),
            ("/__token", Reserved::Token),
        ] {
            assert_eq!(Reserved::of(path), Some(reserved), "{path}");
        }
        for path in [
            "/", "//", "/mcp2", "/mcp/sse", "/a/mcp", "/mcp%2F", "/health", "/openapi",
        ] {
            assert_eq!(Reserved::of(path), None, "{path}");
        }
    }
}
