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
    /// The header names another algorithm than the key has, or a critical extension.
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
