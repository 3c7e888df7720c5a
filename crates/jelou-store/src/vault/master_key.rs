//! The key that encrypts every secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::error::VaultError;
use super::sealed::KeyId;

const KEY_BYTES: usize = 32;
/// A prefix for the digest that gives the id of a key, so that other digests of the key differ from the id (domain
/// separation).
const ID_DOMAIN: &[u8] = b"jelou vault key id\0";

/// A prefix for the digest that gives the key of requests between servers.
const REQUESTS_DOMAIN: &[u8] = b"jelou requests between servers\0";

/// The 32 bytes that encrypt every secret. Zeroized on drop.
pub(super) struct MasterKey {
    bytes: Zeroizing<[u8; KEY_BYTES]>,
    id: KeyId,
}

impl MasterKey {
    pub(super) fn generate() -> Result<Self, VaultError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(bytes.as_mut_slice()).map_err(VaultError::Random)?;
        Ok(Self::new(bytes))
    }

    pub(super) fn from_slice(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; KEY_BYTES] = bytes.try_into().ok()?;
        Some(Self::new(Zeroizing::new(*bytes)))
    }

    /// Parses base64 (RFC 4648, section 4) or hexadecimal, which differ in their length.
    pub(super) fn parse(text: &str) -> Result<Self, VaultError> {
        let text = text.trim();
        let bytes = match text.len() {
            64 => from_hexadecimal(text),
            44 => STANDARD.decode(text).ok().map(Zeroizing::new),
            _ => None,
        };
        bytes
            .and_then(|bytes| Self::from_slice(&bytes))
            .ok_or(VaultError::MasterKey)
    }

    /// Returns the same key, for a list of earlier keys.
    pub(super) fn copy(&self) -> Self {
        Self {
            bytes: self.bytes.clone(),
            id: self.id.clone(),
        }
    }

    pub(super) fn id(&self) -> &KeyId {
        &self.id
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.bytes
    }

    /// Returns the key that authenticates requests between servers. The master key cannot be computed from it.
    pub(super) fn for_requests(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(digest(REQUESTS_DOMAIN, &self.bytes))
    }

    fn new(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        let id = KeyId::from_digest(&digest(ID_DOMAIN, &bytes));
        Self { bytes, id }
    }
}

fn digest(domain: &[u8], bytes: &[u8; KEY_BYTES]) -> [u8; 32] {
    Sha256::new()
        .chain_update(domain)
        .chain_update(bytes)
        .finalize()
        .into()
}

fn from_hexadecimal(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_BYTES));
    for pair in text.as_bytes().chunks(2) {
        let [high, low] = *pair else { return None };
        let digit = |digit: u8| char::from(digit).to_digit(16);
        bytes.push(u8::try_from(digit(high)? * 16 + digit(low)?).ok()?);
    }
    Some(bytes)
}
