//! Authenticates requests between servers.
//!
//! A request has `Authorization: Jelou-Node <time> <mac>`. The message authentication code covers the time, the server
//! that is asked, the method and the target, so that every other server refuses a recorded request, and this server
//! refuses it after 30 seconds. No token is sent that could leak.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderValue, Method};
use jelou_core::NodeId;
use jelou_store::Vault;
use ring::hmac;

const SCHEME: &str = "Jelou-Node ";
/// The maximum difference between the clocks of two servers plus the duration of a request.
const MAX_AGE_MS: u64 = 30_000;

/// The keys of requests between servers.
#[derive(Debug)]
pub(crate) struct PeerKeys(Vec<hmac::Key>);

/// Why a request is not accepted as a request of another server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the request is not signed by a server of this database")]
    Unsigned,
    #[error("the request is for another server, or signed with another master key")]
    Mac,
    #[error(
        "the request was signed {ms} ms away from the time here; set the clocks of the servers"
    )]
    Time { ms: u64 },
}

impl PeerKeys {
    pub(crate) fn of(vault: &Vault) -> Self {
        let keys = vault.request_keys();
        let keys = keys
            .iter()
            .map(|key| hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()));
        Self(keys.collect())
    }

    /// Returns the value of `Authorization` for a request to the server `to`.
    pub(super) fn sign(
        &self,
        to: &NodeId,
        method: &Method,
        target: &str,
        now_ms: i64,
    ) -> Option<HeaderValue> {
        let mac = hmac::sign(self.0.first()?, &signed(to, method, target, now_ms));
        let mac = URL_SAFE_NO_PAD.encode(mac);
        let mut value = HeaderValue::try_from(format!("{SCHEME}{now_ms} {mac}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Checks that a server of the same database has sent the request to this server, `to`.
    ///
    /// # Errors
    /// [`Refused`].
    pub(crate) fn check(
        &self,
        value: Option<&HeaderValue>,
        to: &NodeId,
        method: &Method,
        target: &str,
        now_ms: i64,
    ) -> Result<(), Refused> {
        let value = value.and_then(|value| value.to_str().ok());
        let parts = value.and_then(|value| value.strip_prefix(SCHEME)?.split_once(' '));
        let (at, mac) = parts.ok_or(Refused::Unsigned)?;
        let at_ms: i64 = at.parse().map_err(|_| Refused::Unsigned)?;
        let mac = URL_SAFE_NO_PAD.decode(mac).map_err(|_| Refused::Unsigned)?;
        let message = signed(to, method, target, at_ms);
        let mut keys = self.0.iter();
        if !keys.any(|key| hmac::verify(key, &message, &mac).is_ok()) {
            return Err(Refused::Mac);
        }
        match at_ms.abs_diff(now_ms) {
            0..=MAX_AGE_MS => Ok(()),
            ms => Err(Refused::Time { ms }),
        }
    }
}

/// Returns the signed text. It is unambiguous, because only the target, which is last, has a choice of characters.
fn signed(to: &NodeId, method: &Method, target: &str, at_ms: i64) -> Vec<u8> {
    format!("{at_ms}\n{to}\n{method}\n{target}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_accepted_by_the_server_that_it_is_for_and_only_now() {
        let vault = |key: &str| Vault::from_master_key(&key.repeat(64)).unwrap();
        let (keys, others) = (PeerKeys::of(&vault("1")), PeerKeys::of(&vault("2")));
        let both = format!("{} {}", "2".repeat(64), "1".repeat(64));
        let rotated = PeerKeys::of(&Vault::from_master_key(&both).unwrap());
        let (to, another) = (NodeId::generate(), NodeId::generate());
        let (get, path, now) = (Method::GET, "/v1/nodes/logs/x?after=1", 1_000_000);
        let value = keys.sign(&to, &get, path, now);
        let check = |keys: &PeerKeys, to, method, path, now| {
            keys.check(value.as_ref(), to, method, path, now)
        };
        assert_eq!(check(&keys, &to, &get, path, now + 30_000), Ok(()));
        assert_eq!(check(&keys, &to, &get, path, now - 30_000), Ok(()));
        assert_eq!(check(&rotated, &to, &get, path, now), Ok(()));
        for late in [now - 30_001, now + 30_001] {
            let refused = check(&keys, &to, &get, path, late);
            assert_eq!(refused, Err(Refused::Time { ms: 30_001 }));
        }
        let other = "/v1/nodes/logs/x?after=2";
        for refused in [
            check(&others, &to, &get, path, now),
            check(&keys, &another, &get, path, now),
            check(&keys, &to, &Method::POST, path, now),
            check(&keys, &to, &get, other, now),
        ] {
            assert_eq!(refused, Err(Refused::Mac));
        }
        let text = value.as_ref().unwrap().to_str().unwrap().to_owned();
        for wrong in [
            text.replace("Jelou-Node", "Bearer"),
            text.replace(' ', ""),
            text.replace("1000000", "1000000 "),
        ] {
            let wrong = HeaderValue::try_from(wrong).unwrap();
            let refused = keys.check(Some(&wrong), &to, &get, path, now);
            assert_eq!(refused, Err(Refused::Unsigned), "{wrong:?}");
        }
        assert_eq!(
            keys.check(None, &to, &get, path, now),
            Err(Refused::Unsigned)
        );
        assert!(!format!("{value:?}").contains("1000000"));
    }
}
