//! This server as an issuer of identity tokens: it signs a function's identity (`ctx.identity`) and publishes the keys
//! (OpenID Connect Discovery 1.0; RFC 7517).
//!
//! Keys sign one after another. The next key is published a whole period before it signs, so verifiers that cache the
//! key set have it by then. A key that has ended stays published until its last token has certainly expired.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Response, StatusCode};
use jelou_core::{Clock, DeploymentId, FunctionId, PreviewName, Slug};
use jelou_store::{IdentityKey, KeySchedule, Store, StoreError};
use jiff::{SignedDuration, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::gateway::{GatewayBody, answer};

/// Lifetime of an identity token, in seconds.
const LIFETIME: i64 = 15 * 60;
const SCHEDULE: KeySchedule = KeySchedule {
    period: SignedDuration::from_hours(30 * 24),
    kept: SignedDuration::from_hours(24),
};
/// The pause between two attempts to create the next key.
const RETRY_MS: i64 = 10_000;
/// Maximum bytes of an audience.
pub(crate) const MAX_AUDIENCE_BYTES: usize = 1024;

const DISCOVERY: &str = "/.well-known/openid-configuration";
const KEY_SET: &str = "/.well-known/jwks.json";
const CLAIMS: [&str; 11] = [
    "iss",
    "sub",
    "aud",
    "iat",
    "nbf",
    "exp",
    "jti",
    "function",
    "function_id",
    "deployment",
    "preview",
];

/// The subject of an identity token.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) function: &'a Slug,
    pub(crate) function_id: &'a FunctionId,
    pub(crate) deployment: &'a DeploymentId,
    pub(crate) preview: Option<&'a PreviewName>,
}

/// Why no identity token is issued. The text is for the author of the function.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueError {
    #[error(
        "this server has no public URL: set `public_url` in its configuration to the address at which others reach it, \
         such as https://api.example.com"
    )]
    NoPublicUrl,
    #[error(
        "the audience is empty; name the service that gets the token, such as sts.amazonaws.com"
    )]
    NoAudience,
    #[error("the audience is {0} bytes; the limit is {MAX_AUDIENCE_BYTES}")]
    LongAudience(usize),
    #[error("the keys of the server are not available; try again in a moment")]
    Store(#[from] StoreError),
    #[error("the operating system's random generator failed")]
    Random,
    #[error("a stored key of the server cannot be used")]
    Key,
}

struct SigningKey {
    id: String,
    pair: EcdsaKeyPair,
    signs_from: Timestamp,
}

/// Signs identity tokens and publishes the keys.
pub(crate) struct IdentityIssuer {
    /// `None` if the server has no public URL.
    url: Option<String>,
    /// Path of the URL, without a slash at its end.
    path: String,
    store: Store,
    clock: Clock,
    /// In the order in which they sign.
    keys: ArcSwap<Vec<SigningKey>>,
    /// When a call that already has a key may next try to load the keys, in milliseconds since the Unix epoch.
    next_load_ms: AtomicI64,
}

impl IdentityIssuer {
    /// Creates the issuer, which loads its keys when it needs them. `url` is the claim `iss`.
    pub(crate) fn new(url: Option<String>, store: Store, clock: Clock) -> Self {
        let parsed = url.as_deref().and_then(|url| Url::parse(url).ok());
        let path = parsed.map(|url| url.path().trim_end_matches('/').to_owned());
        Self {
            url,
            path: path.unwrap_or_default(),
            store,
            clock,
            keys: ArcSwap::default(),
            next_load_ms: AtomicI64::new(0),
        }
    }

    /// Returns a signed identity token for the audience.
    ///
    /// # Errors
    /// [`IssueError`].
    pub(crate) async fn sign(
        &self,
        subject: &Subject<'_>,
        audience: &str,
    ) -> Result<String, IssueError> {
        let issuer = self.url.as_deref().ok_or(IssueError::NoPublicUrl)?;
        match audience.len() {
            0 => return Err(IssueError::NoAudience),
            length if length > MAX_AUDIENCE_BYTES => {
                return Err(IssueError::LongAudience(length));
            }
            _ => {}
        }
        let keys = self.keys().await?;
        let now = self.clock.now();
        let key = current(&keys, now).ok_or(IssueError::Key)?;
        let seconds = now.as_second();
        let mut claims = json!({
            "iss": issuer,
            "sub": subject.to_string(),
            "aud": audience,
            "iat": seconds,
            "nbf": seconds,
            "exp": seconds + LIFETIME,
            "jti": Uuid::new_v4().to_string(),
            "function": subject.function,
            "function_id": subject.function_id,
            "deployment": subject.deployment,
        });
        if let Some(preview) = subject.preview {
            claims["preview"] = json!(preview);
        }
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": key.id });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(&header), encode(&claims));
        let signature = key.pair.sign(&SystemRandom::new(), message.as_bytes());
        let signature = signature.map_err(|_| IssueError::Random)?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Whether a document of the issuer is at this path.
    pub(crate) fn has_document(&self, path: &str) -> bool {
        let rest = path.strip_prefix(&self.path);
        self.url.is_some() && rest.is_some_and(|rest| rest == DISCOVERY || rest == KEY_SET)
    }

    /// Answers a request for a document of the issuer.
    pub(crate) async fn answer(&self, method: &Method, path: &str) -> Response<GatewayBody> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut response = Response::new(GatewayBody::empty());
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            let allow = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(header::ALLOW, allow);
            return response;
        }
        let document = if path.ends_with(KEY_SET) {
            self.key_set().await
        } else {
            Ok(self.discovery())
        };
        let (status, body) = match document {
            Ok(document) => (StatusCode::OK, document),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "identity keys");
                let body = json!({ "error": error.to_string() });
                (StatusCode::SERVICE_UNAVAILABLE, body)
            }
        };
        let mut response = answer::json(status, Bytes::from(body.to_string()));
        let headers = response.headers_mut();
        if status == StatusCode::OK {
            let cached = HeaderValue::from_static("public, max-age=3600");
            headers.insert(header::CACHE_CONTROL, cached);
        }
        let anyone = HeaderValue::from_static("*");
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, anyone);
        response
    }

    fn discovery(&self) -> Value {
        let url = self.url.as_deref().unwrap_or_default();
        json!({
            "issuer": url,
            "jwks_uri": format!("{}{KEY_SET}", url.trim_end_matches('/')),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "claims_supported": CLAIMS,
        })
    }

    async fn key_set(&self) -> Result<Value, IssueError> {
        let keys = self.keys().await?;
        let keys: Vec<Value> = keys.iter().map(SigningKey::jwk).collect();
        Ok(json!({ "keys": keys }))
    }

    /// Returns the keys. Creates the next key when the last one has begun to sign. While the database is away, the last
    /// key continues to sign for as long as it is certainly published.
    async fn keys(&self) -> Result<Arc<Vec<SigningKey>>, IssueError> {
        let keys = self.keys.load_full();
        let now = self.clock.now();
        let has_next = keys.last().is_some_and(|last| last.signs_from > now);
        let has_ended = keys.len() > 2 && keys[1].signs_from + SCHEDULE.kept < now;
        if has_next && !has_ended {
            return Ok(keys);
        }
        let is_published = is_published(&keys, now);
        if is_published && !self.may_load(now) {
            return Ok(keys);
        }
        match self.load().await {
            Ok(()) => Ok(self.keys.load_full()),
            Err(error) if is_published => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot create the next key for identity tokens; the current one goes on signing"
                );
                Ok(keys)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the keys may be loaded now. No other call may load them for a while: each attempt can take seconds.
    fn may_load(&self, now: Timestamp) -> bool {
        let now_ms = now.as_millisecond();
        let next_ms = self.next_load_ms.load(Ordering::Relaxed);
        let until_ms = now_ms + RETRY_MS;
        now_ms >= next_ms
            && self
                .next_load_ms
                .compare_exchange(next_ms, until_ms, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Loads the stored keys.
    ///
    /// # Errors
    /// The keys cannot be read, or cannot be created.
    pub(crate) async fn load(&self) -> Result<(), IssueError> {
        let stored = self.store.rotate_identity_keys(SCHEDULE, generate).await?;
        let keys: Result<_, _> = stored.into_iter().map(SigningKey::parse).collect();
        self.keys.store(Arc::new(keys?));
        Ok(())
    }
}

impl fmt::Debug for IdentityIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityIssuer")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// The claim `sub`. For a preview, it has another form, so that a pattern for the function does not match its previews.
impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function:{}", self.function)?;
        if let Some(preview) = self.preview {
            write!(f, ":preview:{preview}")?;
        }
        write!(f, ":deployment:{}", self.deployment)
    }
}

impl SigningKey {
    fn parse(stored: IdentityKey) -> Result<Self, IssueError> {
        Ok(Self {
            pair: key_pair(&stored.pkcs8)?,
            id: stored.id,
            signs_from: stored.signs_from,
        })
    }

    fn jwk(&self) -> Value {
        let (x, y) = coordinates(&self.pair);
        json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id, "x": x, "y": y })
    }
}

/// Returns the key that signs now. If the clock is before the start of the first key, returns the first key.
fn current(keys: &[SigningKey], now: Timestamp) -> Option<&SigningKey> {
    let begun = keys.iter().rev().find(|key| key.signs_from <= now);
    begun.or(keys.first())
}

/// Whether the last key stays published until a token that it signs now has expired. The next key cannot begin before a
/// period has passed, and the last key stays published for a while after that.
fn is_published(keys: &[SigningKey], now: Timestamp) -> bool {
    let kept = SCHEDULE.period + SCHEDULE.kept - SignedDuration::from_secs(LIFETIME);
    keys.last().is_some_and(|last| now < last.signs_from + kept)
}

/// Creates a key. Its id is its thumbprint (RFC 7638).
fn generate() -> Result<(String, Zeroizing<Vec<u8>>), IssueError> {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
        .map_err(|_| IssueError::Random)?;
    let pkcs8 = Zeroizing::new(pkcs8.as_ref().to_vec());
    let (x, y) = coordinates(&key_pair(&pkcs8)?);
    let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    let id = URL_SAFE_NO_PAD.encode(Sha256::digest(members));
    Ok((id, pkcs8))
}

fn key_pair(pkcs8: &[u8]) -> Result<EcdsaKeyPair, IssueError> {
    let random = SystemRandom::new();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &random)
        .map_err(|_| IssueError::Key)
}

/// Returns the encoded coordinates of the public key (RFC 7518, section 6.2.1).
fn coordinates(pair: &EcdsaKeyPair) -> (String, String) {
    // The point is uncompressed: a byte for its form, and two coordinates of 32 bytes (SEC 1, section 2.3.3).
    let point = &pair.public_key().as_ref()[1..];
    let (x, y) = point.split_at(point.len() / 2);
    (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jelou_store::{StoreConfig, Vault};

    #[tokio::test]
    async fn a_key_signs_without_the_database_for_as_long_as_it_is_published() {
        let folder = tempfile::tempdir().unwrap();
        let start: Timestamp = "2026-07-04T10:30:00Z".parse().unwrap();
        let clock = Clock::fixed(start);
        let config = StoreConfig::new(folder.path().join("jelou.db"));
        let vault = Vault::from_master_key(&"0".repeat(64)).unwrap();
        let store = Store::open(&config, vault, clock.clone()).await.unwrap();
        let url = Some("https://jelou.test".to_owned());
        let issuer = IdentityIssuer::new(url, store.clone(), clock.clone());
        issuer.load().await.unwrap();
        store.close().await.unwrap();

        let (slug, function) = ("hola".parse().unwrap(), FunctionId::generate());
        let subject = Subject {
            function: &slug,
            function_id: &function,
            deployment: &DeploymentId::generate(),
            preview: None,
        };
        // The second key begins to sign, so the database should have a third one.
        let hours = |hours| SignedDuration::from_hours(hours);
        let second = start + SCHEDULE.period;
        for at in [start, second, second + SCHEDULE.period + hours(23)] {
            clock.set(at);
            let token = issuer.sign(&subject, "aud").await.unwrap();
            let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap());
            let key = &issuer.keys.load()[usize::from(at >= second)];
            let header = String::from_utf8(header.unwrap()).unwrap();
            assert!(header.contains(&key.id), "{header}");
        }
        clock.set(second + SCHEDULE.period + SCHEDULE.kept);
        let error = issuer.sign(&subject, "aud").await.unwrap_err();
        assert!(matches!(error, IssueError::Store(_)), "{error:?}");
        assert!(error.to_string().contains("try again"), "{error}");
    }
}
