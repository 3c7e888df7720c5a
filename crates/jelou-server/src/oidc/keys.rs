//! Public keys of issuers: fetched by discovery (OpenID Connect Discovery 1.0) and cached in memory. They are fetched
//! at most once a minute, so that tokens with invented key ids cause no traffic.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use url::Url;

use super::jwt::{Jwk, PublicKey};

/// Minimum time between two fetches from an issuer.
const REFETCH: Duration = Duration::from_mins(1);
/// Cached keys of this age are fetched again, so that withdrawn keys become invalid.
const FRESH: Duration = Duration::from_hours(1);
/// Maximum age of cached keys that are used while the issuer is down.
const STALE: Duration = Duration::from_hours(24);
const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_DOCUMENT_BYTES: u64 = 256 * 1024;
/// Maximum bytes of the reason why the keys of an issuer cannot be read.
const MAX_REASON_BYTES: usize = 500;

/// Why no key was found for a token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("the issuer has no key `{0}` for RS256 or ES256")]
    Unknown(String),
    #[error("the keys of the issuer cannot be read: {0}")]
    Unavailable(String),
    #[error(
        "the token names no key (`kid`), and its issuer has not exactly one key of the algorithm `{}`", .0.escape_debug()
    )]
    Unnamed(String),
}

#[derive(Debug, Clone)]
struct IssuerKey {
    id: Option<String>,
    key: PublicKey,
}

/// Cached keys of one issuer.
#[derive(Debug, Default)]
struct Known {
    keys: Vec<IssuerKey>,
    /// Time of the last successful fetch.
    fetched: Option<Instant>,
    /// Time of the last attempt, and why it failed.
    tried: Option<(Instant, Option<String>)>,
}

/// Cached keys of all issuers in trust policies.
#[derive(Debug)]
pub(crate) struct IssuerKeys {
    agent: ureq::Agent,
    /// Minimum time between two fetches from an issuer.
    refetch: Duration,
    /// Only one fetch runs at a time for each issuer. Other requests wait for its result.
    issuers: Mutex<HashMap<String, Arc<Mutex<Known>>>>,
}

/// A JWKS. A key of an unknown form is skipped, so that issuers can add new key types.
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl IssuerKeys {
    pub(crate) fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            // A redirect could lead to a host that does not belong to the issuer.
            .max_redirects(0)
            .http_status_as_error(false)
            .build();
        Self {
            agent: config.into(),
            refetch: REFETCH,
            issuers: Mutex::default(),
        }
    }

    /// Returns the key with this id, or without an id the only key of the algorithm.
    ///
    /// # Errors
    /// The issuer has no such key, or cannot be reached.
    pub(super) async fn key(
        &self,
        issuer: &str,
        id: Option<&str>,
        algorithm: &str,
    ) -> Result<PublicKey, KeyError> {
        let known = {
            let mut issuers = self.issuers.lock().await;
            Arc::clone(issuers.entry(issuer.to_owned()).or_default())
        };
        let mut known = known.lock().await;
        let age = known.fetched.map(|at| at.elapsed());
        let is_fresh = age.is_some_and(|age| age < FRESH);
        if is_fresh && let Some(key) = find(&known.keys, id, algorithm) {
            return Ok(key);
        }
        let may_fetch = known
            .tried
            .as_ref()
            .is_none_or(|(at, _)| at.elapsed() >= self.refetch);
        if may_fetch {
            let fetched = self.fetch(issuer.to_owned()).await;
            let now = Instant::now();
            match fetched {
                Ok(keys) => {
                    known.keys = keys;
                    known.fetched = Some(now);
                    known.tried = Some((now, None));
                }
                Err(reason) => {
                    tracing::warn!(issuer, reason, "cannot read the keys of an issuer");
                    known.tried = Some((now, Some(reason)));
                }
            }
        }
        let usable = known.fetched.is_some_and(|at| at.elapsed() < STALE);
        if usable && let Some(key) = find(&known.keys, id, algorithm) {
            return Ok(key);
        }
        match &known.tried {
            Some((_, Some(reason))) => Err(KeyError::Unavailable(reason.clone())),
            _ => Err(match id {
                Some(id) => KeyError::Unknown(id.to_owned()),
                None => KeyError::Unnamed(algorithm.to_owned()),
            }),
        }
    }

    async fn fetch(&self, issuer: String) -> Result<Vec<IssuerKey>, String> {
        let agent = self.agent.clone();
        let fetched = tokio::task::spawn_blocking(move || fetch(&agent, &issuer)).await;
        let fetched = fetched.map_err(|error| error.to_string())?;
        // The reason may contain a text of the issuer.
        fetched.map_err(|mut reason| {
            reason.truncate(reason.floor_char_boundary(MAX_REASON_BYTES));
            reason
        })
    }
}

/// Returns the key with this id. A token without a key id is only accepted if the issuer has exactly one key of its
/// algorithm.
fn find(keys: &[IssuerKey], id: Option<&str>, algorithm: &str) -> Option<PublicKey> {
    if id.is_some() {
        let key = keys.iter().find(|key| key.id.as_deref() == id)?;
        return Some(key.key.clone());
    }
    let mut of_algorithm = keys.iter().filter(|key| key.key.algorithm() == algorithm);
    match (of_algorithm.next(), of_algorithm.next()) {
        (Some(only), None) => Some(only.key.clone()),
        _ => None,
    }
}

fn fetch(agent: &ureq::Agent, issuer: &str) -> Result<Vec<IssuerKey>, String> {
    let base = issuer.trim_end_matches('/');
    let discovery: Discovery = read(agent, &format!("{base}/.well-known/openid-configuration"))?;
    if discovery.issuer != issuer {
        return Err(format!(
            "its discovery document is of the issuer `{}`",
            discovery.issuer.escape_debug()
        ));
    }
    if !is_allowed(&discovery.jwks_uri) {
        return Err("`jwks_uri` is not an https:// address".to_owned());
    }
    let keys: KeySet = read(agent, &discovery.jwks_uri)?;
    Ok(keys.keys.into_iter().filter_map(key_of).collect())
}

fn read<T: DeserializeOwned>(agent: &ureq::Agent, url: &str) -> Result<T, String> {
    let mut response = agent.get(url).call().map_err(|error| error.to_string())?;
    if !response.status().is_success() {
        return Err(format!("{url} answers {}", response.status()));
    }
    let body = response
        .body_mut()
        .with_config()
        .limit(MAX_DOCUMENT_BYTES)
        .read_to_vec()
        .map_err(|error| error.to_string())?;
    serde_json::from_slice(&body).map_err(|error| format!("{url}: {error}"))
}

fn key_of(jwk: serde_json::Value) -> Option<IssuerKey> {
    let jwk: Jwk = serde_json::from_value(jwk).ok()?;
    let key = PublicKey::of(&jwk)?;
    Some(IssuerKey { id: jwk.kid, key })
}

/// Whether keys may be fetched from this URL: HTTPS, or a loopback address.
pub(crate) fn is_allowed(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else {
        return false;
    };
    let is_loopback = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// Starts an issuer whose key set gets one more key with each request. Stops after `answers` requests.
    fn issuer(answers: usize) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let of_thread = url.clone();
        std::thread::spawn(move || {
            let mut keys = Vec::new();
            for stream in listener.incoming().take(answers) {
                let mut stream = stream.unwrap();
                let mut head = [0; 2048];
                let length = stream.read(&mut head).unwrap();
                let body = if head[..length].starts_with(b"GET /keys ") {
                    let id = format!("key-{}", keys.len());
                    keys.push(serde_json::json!({ "kty": "EC", "crv": "P-256", "kid": id, "x": "A".repeat(43), "y": "A".repeat(43) }));
                    serde_json::json!({ "keys": keys })
                } else {
                    serde_json::json!({ "issuer": of_thread, "jwks_uri": format!("{of_thread}/keys") })
                };
                let body = body.to_string();
                let length = body.len();
                write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                )
                .unwrap();
            }
        });
        url
    }

    #[tokio::test]
    async fn a_new_key_is_found_after_the_least_time_and_old_keys_outlive_the_issuer() {
        let url = issuer(4);
        let mut keys = IssuerKeys::new();
        assert!(keys.key(&url, Some("key-0"), "ES256").await.is_ok());
        // The minimum time between two fetches has not passed.
        let unknown = keys.key(&url, Some("key-1"), "ES256").await;
        assert!(matches!(unknown, Err(KeyError::Unknown(_))), "{unknown:?}");
        keys.refetch = Duration::ZERO;
        assert!(keys.key(&url, Some("key-1"), "ES256").await.is_ok());
        // The issuer has stopped.
        let unknown = keys.key(&url, Some("key-2"), "ES256").await;
        assert!(
            matches!(unknown, Err(KeyError::Unavailable(_))),
            "{unknown:?}"
        );
        assert!(keys.key(&url, Some("key-0"), "ES256").await.is_ok());
    }

    #[test]
    fn a_token_without_a_key_id_gets_the_only_key_of_its_algorithm() {
        let key = |id: &str, kty: &str| {
            key_of(serde_json::json!({
                "kty": kty, "crv": "P-256", "kid": id, "n": "AQAB", "e": "AQAB",
                "x": "A".repeat(43), "y": "A".repeat(43),
            }))
            .unwrap()
        };
        let both = [key("a", "RSA"), key("b", "EC")];
        for (algorithm, is_found) in [
            ("RS256", true),
            ("ES256", true),
            ("HS256", false),
            ("none", false),
        ] {
            let found = find(&both, None, algorithm);
            assert_eq!(found.is_some(), is_found, "{algorithm}");
            assert!(found.is_none_or(|key| key.algorithm() == algorithm));
        }
        let two = [key("a", "EC"), key("b", "EC"), key("c", "RSA")];
        assert!(find(&two, None, "ES256").is_none());
        assert!(find(&two, None, "RS256").is_some());
        assert!(find(&two, Some("b"), "ES256").is_some());
        assert!(find(&[], None, "ES256").is_none());
    }

    #[test]
    fn keys_come_over_https_or_from_this_machine() {
        for url in [
            "https://example.com",
            "http://127.0.0.1:1",
            "http://[::1]/x",
            "http://localhost",
        ] {
            assert!(is_allowed(url), "{url}");
        }
        for url in [
            "http://example.com",
            "http://127.0.0.1.example.com",
            "ftp://127.0.0.1",
            "file:///etc",
            "x",
        ] {
            assert!(!is_allowed(url), "{url}");
        }
    }
}
