//! Verifies the signature and the times of an identity token, and reads its audience (OpenID Connect Core 1.0, section
//! 3.1.3.7).

use jelou_core::trust::Claims;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::jwt::{BadSignature, Malformed, Unverified};
use super::keys::{IssuerKeys, KeyError};

/// Seconds by which the clock of an issuer may differ from the server's.
const MAX_SKEW: i64 = 30;
/// Maximum lifetime in seconds. Identity tokens are short-lived; a token with a longer lifetime was made for another
/// purpose.
const MAX_LIFETIME: i64 = 24 * 60 * 60;
const MAX_BYTES: usize = 16 * 1024;

/// Why an identity token is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    #[error("the identity token is over 16 KiB")]
    TooLarge,
    #[error("it is not a signed JSON Web Token")]
    Malformed,
    #[error("its algorithm is not RS256 or ES256, or not the one of its key")]
    Algorithm,
    #[error("its signature was not made by its issuer")]
    Signature,
    #[error("its issuer is `{0}`, which no trust policy names")]
    Issuer(String),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("the claim `{0}` is missing or has the wrong type")]
    Claim(&'static str),
    #[error("it expired at {0}")]
    Expired(i64),
    #[error("it is not valid before {0}")]
    NotYetValid(i64),
    #[error("it is valid for {0} seconds; the limit is {MAX_LIFETIME}")]
    TooLong(i64),
}

/// An identity token whose signature and times are valid.
#[derive(Debug, Clone)]
pub(crate) struct Verified {
    pub(crate) claims: Claims,
    pub(crate) subject: String,
    /// Audience of the token (`aud`).
    pub(crate) audiences: Vec<String>,
    /// Identifies the token, so that it can be exchanged only once.
    pub(crate) assertion: [u8; 32],
    /// When the token has certainly expired, in seconds since the Unix epoch.
    pub(crate) ends: i64,
}

/// Returns the issuer that a token claims to have.
///
/// # Errors
/// [`VerifyError::TooLarge`], [`VerifyError::Malformed`], or the token names no issuer.
pub(crate) fn unverified_issuer(token: &str) -> Result<String, VerifyError> {
    if token.len() > MAX_BYTES {
        return Err(VerifyError::TooLarge);
    }
    text(Unverified::parse(token)?.unverified_claims(), "iss")
}

/// Verifies everything except the audience and the conditions of trust policies. `now` is in seconds since the Unix
/// epoch.
///
/// # Errors
/// [`VerifyError`] names the rule that the token breaks.
pub(crate) async fn verify(
    keys: &IssuerKeys,
    token: &str,
    issuer: &str,
    now: i64,
) -> Result<Verified, VerifyError> {
    let unverified = Unverified::parse(token)?;
    let header = &unverified.header;
    let key = keys.key(issuer, header.kid.as_deref(), &header.alg).await?;
    let signed = unverified.signed;
    let claims = unverified.verify(&key)?;
    if text(&claims, "iss")? != issuer {
        return Err(VerifyError::Claim("iss"));
    }

    let expires = seconds(&claims, "exp").ok_or(VerifyError::Claim("exp"))?;
    if expires.saturating_add(MAX_SKEW) <= now {
        return Err(VerifyError::Expired(expires));
    }
    let iat = seconds(&claims, "iat").ok_or(VerifyError::Claim("iat"))?;
    let begins = match claims.get("nbf") {
        None => iat,
        Some(_) => iat.max(seconds(&claims, "nbf").ok_or(VerifyError::Claim("nbf"))?),
    };
    if begins.saturating_sub(MAX_SKEW) > now {
        return Err(VerifyError::NotYetValid(begins));
    }
    let lifetime = expires.saturating_sub(iat);
    if lifetime > MAX_LIFETIME {
        return Err(VerifyError::TooLong(lifetime));
    }
    let audiences = match claims.get("aud") {
        Some(Value::String(audience)) => vec![audience.clone()],
        Some(Value::Array(list)) => list
            .iter()
            .map(|audience| audience.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or(VerifyError::Claim("aud"))?,
        _ => return Err(VerifyError::Claim("aud")),
    };
    let subject = text(&claims, "sub")?;
    if subject.contains('\0') {
        // The database cannot store such a subject.
        return Err(VerifyError::Claim("sub"));
    }
    Ok(Verified {
        assertion: assertion(issuer, &claims, signed),
        subject,
        audiences,
        claims,
        ends: expires.saturating_add(MAX_SKEW),
    })
}

/// Returns a hash of the issuer and `jti`, or of the issuer and the signed part of the token if it has no `jti`.
fn assertion(issuer: &str, claims: &Claims, signed: &str) -> [u8; 32] {
    let id = claims.get("jti").and_then(Value::as_str);
    let mut hash = Sha256::new();
    hash.update(issuer);
    hash.update(if id.is_some() { b"\0jti\0" } else { b"\0jwt\0" });
    hash.update(id.unwrap_or(signed));
    hash.finalize().into()
}

impl From<Malformed> for VerifyError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<BadSignature> for VerifyError {
    fn from(error: BadSignature) -> Self {
        match error {
            BadSignature::Algorithm => Self::Algorithm,
            BadSignature::Signature => Self::Signature,
        }
    }
}

fn text(claims: &Claims, name: &'static str) -> Result<String, VerifyError> {
    let value = claims.get(name).and_then(Value::as_str);
    value.map(str::to_owned).ok_or(VerifyError::Claim(name))
}

/// Returns a time (`NumericDate`, RFC 7519, section 2) without its fraction.
#[expect(clippy::cast_possible_truncation, reason = "a float saturates")]
fn seconds(claims: &Claims, name: &str) -> Option<i64> {
    let value = claims.get(name)?;
    value
        .as_i64()
        .or_else(|| value.as_f64().map(|time| time as i64))
}
