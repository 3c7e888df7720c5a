//! Signed JSON Web Tokens (RFC 7515, RFC 7519). Only RS256 and ES256 are supported (RFC 7518, section 3.1), to rule out
//! algorithm confusion. `ring` verifies the signatures.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jelou_core::trust::Claims;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;

/// The header fields that matter here (RFC 7515, section 4.1).
#[derive(Debug, Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    #[serde(default)]
    pub(super) kid: Option<String>,
    /// Critical extensions. None is supported, so a token with this field is refused.
    #[serde(default)]
    crit: Option<serde_json::Value>,
}

/// A token whose signature is not verified yet.
#[derive(Debug)]
pub(super) struct Unverified<'a> {
    pub(super) header: Header,
    claims: Claims,
    /// Encoded header and claims: the signed part of the token.
    pub(super) signed: &'a str,
    signature: Vec<u8>,
}

/// The text is not a signed token.
#[derive(Debug)]
pub(super) struct Malformed;

/// Why a signature is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadSignature {
    /// The algorithm of the header differs from the key's, or the header has a critical extension.
    Algorithm,
    Signature,
}

impl<'a> Unverified<'a> {
    pub(super) fn parse(token: &'a str) -> Result<Self, Malformed> {
        let (signed, signature) = token.rsplit_once('.').ok_or(Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Malformed);
        Ok(Self {
            header: serde_json::from_slice(&decode(header)?).map_err(|_| Malformed)?,
            claims: serde_json::from_slice(&decode(claims)?).map_err(|_| Malformed)?,
            signed,
            signature: decode(signature)?,
        })
    }

    /// Returns the claims before verification, to find the keys of the issuer.
    pub(super) fn unverified_claims(&self) -> &Claims {
        &self.claims
    }

    /// Returns the claims if this key made the signature.
    pub(super) fn verify(self, key: &PublicKey) -> Result<Claims, BadSignature> {
        if self.header.alg != key.algorithm() || self.header.crit.is_some() {
            return Err(BadSignature::Algorithm);
        }
        let message = self.signed.as_bytes();
        let verified = match key {
            PublicKey::Rsa { n, e } => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                message,
                &self.signature,
            ),
            PublicKey::P256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(message, &self.signature),
        };
        verified.map_err(|_| BadSignature::Signature)?;
        Ok(self.claims)
    }
}

/// Checks, for the fuzz target, that a key that has signed nothing refuses the text.
///
/// # Panics
/// The text is accepted.
pub(crate) fn check_refused(text: &str) {
    // The base point of the curve (SEC 2, section 2.4.2). Its private key is 1. Random input is not a valid signature
    // of this key.
    const POINT: [u8; 65] = *b"\x04\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96\x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5";
    if let Ok(unverified) = Unverified::parse(text) {
        assert!(text.starts_with(unverified.signed));
        let verified = unverified.verify(&PublicKey::P256(POINT.to_vec()));
        assert!(verified.is_err(), "{text}");
    }
    let _ = serde_json::from_str::<Jwk>(text).map(|jwk| PublicKey::of(&jwk));
}

/// A public key. The algorithm follows from its type, never from the token.
#[derive(Debug, Clone)]
pub(super) enum PublicKey {
    /// Modulus and exponent, big-endian.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// The uncompressed point (SEC 1, section 2.3.3).
    P256(Vec<u8>),
}

impl PublicKey {
    pub(super) fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa { .. } => "RS256",
            Self::P256(_) => "ES256",
        }
    }

    /// Converts a JSON Web Key (RFC 7517; RFC 7518, section 6). `None` if it has another type, or is not for
    /// signatures.
    pub(super) fn of(jwk: &Jwk) -> Option<Self> {
        let decode = |part: &Option<String>| URL_SAFE_NO_PAD.decode(part.as_ref()?).ok();
        let key = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => Self::Rsa {
                n: decode(&jwk.n)?,
                e: decode(&jwk.e)?,
            },
            ("EC", Some("P-256")) => {
                let (x, y) = (decode(&jwk.x)?, decode(&jwk.y)?);
                if (x.len(), y.len()) != (32, 32) {
                    return None;
                }
                Self::P256([&[4], x.as_slice(), y.as_slice()].concat())
            }
            _ => return None,
        };
        let fits = jwk
            .purpose
            .as_deref()
            .is_none_or(|purpose| purpose == "sig")
            && jwk.alg.as_deref().is_none_or(|alg| alg == key.algorithm());
        fits.then_some(key)
    }
}

/// A JSON Web Key (RFC 7517, section 4).
#[derive(Debug, Deserialize)]
pub(super) struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    pub(super) kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}
