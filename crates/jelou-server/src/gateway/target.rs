//! Parses a request target, in one place. Routes, `ctx.path` and the URL for user code all use the text that [`read`]
//! produces, so that they cannot interpret one request as different paths.
//!
//! This text is a fixed point of the URL parser in user code (WHATWG URL, section 4.4): the parser finds the same path
//! and the same query in it. Characters that the parser would percent-encode are percent-encoded here. A target that
//! the parser would read as another path is refused, because it may be an attempt to bypass a check elsewhere (RFC
//! 9112, section 3.2).

use std::borrow::Cow;

use http::header::{self, HeaderValue};
use http::uri::PathAndQuery;
use http::{Request, Uri};
use jelou_core::Slug;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// The special-query percent-encode set (WHATWG URL, section 1.3).
const QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\'');
/// The path percent-encode set (WHATWG URL, section 1.3).
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// Why a target is refused. The text is shown to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadTarget {
    #[error("the path has a `.` or `..` segment (`%2e` is a dot): send the path that is meant")]
    DotSegment,
    #[error(
        "the path has a back-slash, which URLs read as a slash: send `/`, or `%5C` for the character"
    )]
    Backslash,
    #[error("the target is no path: it must begin with `/`")]
    NoPath,
    #[error("the target has a user name before its host")]
    UserInfo,
    #[error("the target is over 65534 bytes long with its characters percent-encoded")]
    TooLong,
}

/// Rewrites the target to its canonical path and query, without the first `skipped` bytes of the path. The host of an
/// absolute target replaces the value of the `Host` header (RFC 9112, section 3.2.2). For HTTP/2, the authority is
/// always the host of the request.
///
/// # Errors
///
/// If the target is ambiguous. Then the request is unchanged.
pub(crate) fn read<B>(request: &mut Request<B>, skipped: usize) -> Result<(), BadTarget> {
    let uri = request.uri();
    // The path is empty in `http://host` and `http://host?query` (RFC 9110, section 4.2.3).
    let path = match uri.path() {
        "" if uri.scheme().is_some() => "/",
        path => path,
    };
    check(path)?;
    let host = match uri.authority() {
        Some(authority) if authority.as_str().contains('@') => return Err(BadTarget::UserInfo),
        Some(authority) => Some(HeaderValue::from_str(authority.as_str())),
        None => None,
    };
    let path = match &path[skipped..] {
        "" => "/",
        path => path,
    };
    let path = Cow::from(utf8_percent_encode(path, PATH));
    let query = uri
        .query()
        .map(|query| Cow::from(utf8_percent_encode(query, QUERY)));
    let text = match &query {
        Some(query) => Cow::from(format!("{path}?{query}")),
        None => path,
    };
    if host.is_none()
        && uri
            .path_and_query()
            .is_some_and(|target| target.as_str() == text)
    {
        return Ok(());
    }
    let target = PathAndQuery::try_from(&*text).map_err(|_| BadTarget::TooLong)?;
    *request.uri_mut() = Uri::from(target);
    if let Some(Ok(host)) = host {
        request.headers_mut().insert(header::HOST, host);
    }
    Ok(())
}

/// Returns the length of the prefix that Supabase clients put before a path. A Supabase function does not see this
/// prefix: the path that it gets begins with the function's name.
pub(crate) fn supabase_prefix(path: &str, slug: &Slug) -> usize {
    const PREFIX: &str = "/functions/v1";
    let name = path
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.strip_prefix('/'))
        .and_then(|rest| rest.split('/').next());
    if name == Some(slug.as_str()) {
        PREFIX.len()
    } else {
        0
    }
}

/// Checks that a path is unambiguous.
fn check(path: &str) -> Result<(), BadTarget> {
    if !path.starts_with('/') {
        Err(BadTarget::NoPath)
    } else if path.contains('\\') {
        Err(BadTarget::Backslash)
    } else if path.split('/').any(is_dot_segment) {
        Err(BadTarget::DotSegment)
    } else {
        Ok(())
    }
}

/// Whether the URL parser resolves a segment as the current or the parent folder (WHATWG URL, section 4.1).
pub(crate) fn is_dot_segment(segment: &str) -> bool {
    let mut rest = segment.as_bytes();
    for _ in 0..2 {
        rest = match rest {
            [b'.', rest @ ..] | [b'%', b'2', b'e' | b'E', rest @ ..] => rest,
            _ => return false,
        };
        if rest.is_empty() {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;
    use url::Url;

    use super::*;

    const ORIGIN: &str = "http://echo.fn.localhost:4400";

    fn read_target(target: &str) -> Result<Request<()>, BadTarget> {
        let mut request = Request::new(());
        *request.uri_mut() = target.parse().unwrap();
        read(&mut request, 0).map(|()| request)
    }

    fn text(target: &str) -> Result<String, BadTarget> {
        read_target(target).map(|request| request.uri().to_string())
    }

    #[test]
    fn what_the_url_parser_reads_as_another_path_is_refused() {
        for path in [
            "/.",
            "/..",
            "/a/..",
            "/a/../b",
            "/./a",
            "/a/./b",
            "/%2e",
            "/%2E%2e/a",
            "/.%2e/a",
            "/a/%2e./b",
            "/a/..?b",
            "http://x/a/../b",
        ] {
            assert_eq!(text(path), Err(BadTarget::DotSegment), "{path}");
        }
        assert_eq!(text("/a\\b"), Err(BadTarget::Backslash));
        assert_eq!(text("/a\\..\\b"), Err(BadTarget::Backslash));
        assert_eq!(text("*"), Err(BadTarget::NoPath));
        assert_eq!(text("x:443"), Err(BadTarget::NoPath));
        assert_eq!(text("http://me@x/a"), Err(BadTarget::UserInfo));
        let long = format!("/{}", "é".repeat(20_000));
        assert_eq!(text(&long), Err(BadTarget::TooLong));
    }

    #[test]
    fn other_dots_and_slashes_are_left_alone() {
        for path in [
            "/",
            "/...",
            "/.a",
            "/a..",
            "/..a/b.",
            "/%2e%2e%2e",
            "/%2e%2f..%2fa",
            "/%252e%252e/a",
            "/%5c..%5c",
            "//a//b//",
            "/a;b=c,d:e@f!$&'()*+|[]",
            "/%",
            "/?a=/../b\\&%2e%2e/",
        ] {
            assert_eq!(text(path).as_deref(), Ok(path));
        }
    }

    #[test]
    fn what_a_url_encodes_is_encoded() {
        let encoded = text("/año/{a}^\"?q=José&b='");
        assert_eq!(
            encoded.as_deref(),
            Ok("/a%C3%B1o/%7Ba%7D%5E%22?q=Jos%C3%A9&b=%27")
        );
    }

    #[test]
    fn clients_of_supabase_add_a_prefix() {
        let slug: Slug = "hello".parse().unwrap();
        for (path, seen) in [
            ("/functions/v1/hello", "/hello"),
            ("/functions/v1/hello/a/b", "/hello/a/b"),
            ("/functions/v1/hello/", "/hello/"),
            ("/functions/v1/hello-2", "/functions/v1/hello-2"),
            ("/functions/v1", "/functions/v1"),
            ("/hello/a", "/hello/a"),
            ("/", "/"),
        ] {
            assert_eq!(&path[supabase_prefix(path, &slug)..], seen);
        }
    }

    #[test]
    fn the_host_of_the_target_counts() {
        for (target, path) in [
            ("http://x:1/a?b", "/a?b"),
            ("http://x:1", "/"),
            ("http://x:1?b", "/?b"),
        ] {
            let request = read_target(target).unwrap();
            assert_eq!(request.uri().to_string(), path);
            assert_eq!(request.headers()["host"], "x:1");
        }
    }

    #[test]
    fn the_prefix_is_skipped() {
        for (target, path) in [("/fn/x", "/"), ("/fn/x/a?b", "/a?b"), ("/fn/x?b", "/?b")] {
            let mut request = Request::new(());
            *request.uri_mut() = target.parse().unwrap();
            read(&mut request, "/fn/x".len()).unwrap();
            assert_eq!(request.uri().to_string(), path);
        }
    }

    fn piece() -> impl Strategy<Value = String> {
        let hostile = vec![
            "/", ".", "..", "%2e", "%2E", "%2f", "%5c", "\\", "?", "%", "%25", "é", "\u{7f}", ";",
            ":", "@", "'", "\"", "{", "}", "|", "^", "[", "%C3%A9", "%ff", "C:", "&", "=", "//",
            "a", "admin", "public",
        ];
        prop_oneof![4 => select(hostile).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)]
    }

    fn target() -> impl Strategy<Value = String> {
        proptest::collection::vec(piece(), 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn the_url_parser_reads_the_same(target in target()) {
            let Ok(uri) = target.parse::<Uri>() else { return Ok(()) };
            let mut request = Request::new(());
            *request.uri_mut() = uri;
            let url = Url::parse(&format!("{ORIGIN}{target}")).unwrap();
            match read(&mut request, 0) {
                Ok(()) => {
                    let seen = request.uri().path_and_query().unwrap().as_str();
                    let url_seen = Url::parse(&format!("{ORIGIN}{seen}")).unwrap();
                    prop_assert_eq!(url_seen.as_str(), format!("{ORIGIN}{seen}"));
                    // The rewrite encodes only characters that the parser encodes too.
                    let encoded = url.path().replace('^', "%5E");
                    prop_assert_eq!(url_seen.path(), encoded);
                    prop_assert_eq!(url_seen.query(), url.query());
                }
                // Only targets that the parser would rewrite are refused.
                Err(_) => {
                    let path = target.split(['?', '#']).next().unwrap_or_default();
                    let encoded = utf8_percent_encode(path, PATH).to_string();
                    prop_assert_ne!(url.path().replace('^', "%5E"), encoded);
                }
            }
        }
    }
}
