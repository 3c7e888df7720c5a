//! An OpenID Connect issuer on loopback: discovery, key set and signed tokens.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

/// A key that is used in these tests only.
const RSA: &[u8] = include_bytes!("rsa.pkcs8.der");

pub(super) enum Key {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Key {
    pub(super) fn ec() -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random);
        Self::Ec(key.unwrap())
    }

    pub(super) fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::from_pkcs8(RSA).unwrap())
    }

    pub(super) fn jwk(&self, id: &str) -> Value {
        match self {
            Self::Ec(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": id, "x": encode(x), "y": encode(y) })
            }
            Self::Rsa(key) => {
                let public: PublicKeyComponents<Vec<u8>> = key.public().into();
                json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": id, "n": encode(&public.n), "e": encode(&public.e) })
            }
        }
    }

    pub(super) fn algorithm(&self) -> &'static str {
        match self {
            Self::Ec(_) => "ES256",
            Self::Rsa(_) => "RS256",
        }
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Ec(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .unwrap();
                signature
            }
        }
    }

    /// A token with this header and these claims.
    pub(super) fn sign(&self, id: &str, claims: &Value) -> String {
        let header = json!({ "alg": self.algorithm(), "typ": "JWT", "kid": id });
        let message = unsigned(&header, claims);
        let signature = self.signature(message.as_bytes());
        format!("{message}.{}", encode(&signature))
    }
}

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Header and claims, without a signature.
pub(super) fn unsigned(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| encode(value.to_string().as_bytes());
    format!("{}.{}", encode(header), encode(claims))
}

struct State {
    keys: Vec<Value>,
    /// Whether the issuer answers with an error.
    is_down: bool,
}

pub(super) struct Issuer {
    pub(super) url: String,
    state: Arc<Mutex<State>>,
    requests: Arc<AtomicUsize>,
}

impl Issuer {
    pub(super) fn start(keys: Vec<Value>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            keys,
            is_down: false,
        }));
        let requests = Arc::new(AtomicUsize::new(0));
        let issuer = Self {
            url: url.clone(),
            state: Arc::clone(&state),
            requests: Arc::clone(&requests),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = [0; 4096];
                let length = stream.read(&mut head).unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..length]);
                requests.fetch_add(1, Ordering::Relaxed);
                let (status, body) = {
                    let state = state.lock().unwrap();
                    if state.is_down {
                        ("503 Service Unavailable", json!({}))
                    } else if head.starts_with("GET /.well-known/openid-configuration ") {
                        let keys = format!("{url}/keys");
                        ("200 OK", json!({ "issuer": url, "jwks_uri": keys }))
                    } else if head.starts_with("GET /keys ") {
                        ("200 OK", json!({ "keys": state.keys }))
                    } else {
                        ("404 Not Found", json!({}))
                    }
                };
                let body = body.to_string();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        issuer
    }

    pub(super) fn set_keys(&self, keys: Vec<Value>) {
        self.state.lock().unwrap().keys = keys;
    }

    pub(super) fn set_down(&self, is_down: bool) {
        self.state.lock().unwrap().is_down = is_down;
    }

    /// The number of requests that the issuer received.
    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}
