//! The URL of a server's management API.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ureq::http::Uri;

/// An `http` or `https` URL without a trailing slash. It has a path if the server is behind a proxy with a path prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiUrl {
    text: String,
    is_loopback: bool,
}

/// The reason why a text is not the URL of a management API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseApiUrlError {
    #[error("it is not a URL")]
    Malformed,
    #[error("it does not start with `http://` or `https://`")]
    Scheme,
    #[error("it contains a user name or password; the server accepts only an access token")]
    UserInfo,
    #[error("it contains a query or a fragment")]
    Query,
}

impl ApiUrl {
    /// Returns the URL without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether requests stay on this machine.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// Whether others on the network can read the token of a request.
    pub fn is_readable_by_others(&self) -> bool {
        !self.is_loopback && self.text.starts_with("http://")
    }
}

impl FromStr for ApiUrl {
    type Err = ParseApiUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let after_scheme = ["http://", "https://"]
            .iter()
            .find_map(|scheme| {
                let start = text.get(..scheme.len())?;
                start
                    .eq_ignore_ascii_case(scheme)
                    .then(|| &text[scheme.len()..])
            })
            .ok_or(ParseApiUrlError::Scheme)?;
        if after_scheme.contains(['?', '#']) {
            return Err(ParseApiUrlError::Query);
        }
        let uri: Uri = text.parse().map_err(|_| ParseApiUrlError::Malformed)?;
        let authority = uri.authority().ok_or(ParseApiUrlError::Malformed)?;
        if authority.as_str().contains('@') {
            return Err(ParseApiUrlError::UserInfo);
        }
        let host = authority.host();
        if host.is_empty() {
            return Err(ParseApiUrlError::Malformed);
        }
        let scheme = uri.scheme_str().ok_or(ParseApiUrlError::Scheme)?;
        let path = uri.path().trim_end_matches('/');
        Ok(Self {
            text: format!("{scheme}://{authority}{path}"),
            is_loopback: is_loopback(host),
        })
    }
}

/// Whether a host is this machine. Names under `localhost` resolve to a loopback address (RFC 6761, section 6.3).
fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = host.parse::<IpAddr>() {
        return address.to_canonical().is_loopback();
    }
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_slash_is_removed() {
        for (text, url) in [
            ("http://127.0.0.1:4400", "http://127.0.0.1:4400"),
            ("https://api.example.com/", "https://api.example.com"),
            (" https://example.com/jelou// ", "https://example.com/jelou"),
            ("HTTPS://example.com", "https://example.com"),
        ] {
            assert_eq!(text.parse::<ApiUrl>().unwrap().as_str(), url);
        }
    }

    #[test]
    fn each_error_names_its_rule() {
        for (text, error) in [
            ("", ParseApiUrlError::Scheme),
            ("127.0.0.1:4400", ParseApiUrlError::Scheme),
            ("ftp://example.com", ParseApiUrlError::Scheme),
            ("http://", ParseApiUrlError::Malformed),
            ("http://a b", ParseApiUrlError::Malformed),
            ("http://me:pw@example.com", ParseApiUrlError::UserInfo),
            ("http://example.com?a=b", ParseApiUrlError::Query),
            ("http://example.com/#a", ParseApiUrlError::Query),
        ] {
            assert_eq!(text.parse::<ApiUrl>(), Err(error), "{text}");
        }
    }

    #[test]
    fn plain_http_is_private_on_this_machine_only() {
        for private in [
            "http://127.0.0.1:1",
            "http://[::1]:1",
            "http://[::ffff:127.0.0.1]:1",
            "http://localhost",
            "http://api.localhost",
            "https://example.com",
        ] {
            assert!(!private.parse::<ApiUrl>().unwrap().is_readable_by_others());
        }
        for readable in ["http://10.0.0.1", "http://localhost.example.com"] {
            assert!(readable.parse::<ApiUrl>().unwrap().is_readable_by_others());
        }
    }
}
