//! Authenticates requests between servers, and their answers.
//!
//! A request has `Authorization: Jelou-Node <time> <mac>`. The message authentication code covers the time, the server
//! that is asked, the method and the target, so that every other server refuses a recorded request, and this server
//! refuses it after 30 seconds. No token is sent that could leak.
//!
//! Each answer has `Jelou-Node-Mac: <mac>`. This code covers the request's `Authorization`, the status and the body, so an
//! answer cannot be changed, or replaced by the answer to another request. Answers are complete bodies, never streams: a
//! server that follows logs requests page after page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use jelou_core::NodeId;
use jelou_store::Vault;
use ring::hmac;

const SCHEME: &str = "Jelou-Node ";
/// The message authentication code of an answer.
pub(crate) const ANSWER_MAC: HeaderName = HeaderName::from_static("jelou-node-mac");
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
        let mac = self.mac(&signed(to, method, target, now_ms))?;
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
        if !self.verifies(&signed(to, method, target, at_ms), &mac) {
            return Err(Refused::Mac);
        }
        match at_ms.abs_diff(now_ms) {
            0..=MAX_AGE_MS => Ok(()),
            ms => Err(Refused::Time { ms }),
        }
    }

    /// Returns the value of [`ANSWER_MAC`]. `asked` is the request's `Authorization`, which need not be valid: the reason
    /// of a refusal is signed too.
    pub(crate) fn sign_answer(
        &self,
        asked: &HeaderValue,
        status: StatusCode,
        body: &[u8],
    ) -> Option<HeaderValue> {
        HeaderValue::try_from(self.mac(&answered(asked, status, body))?).ok()
    }

    /// Whether a server of the same database has given this answer to the request.
    pub(super) fn is_answer(
        &self,
        value: Option<&HeaderValue>,
        asked: &HeaderValue,
        status: StatusCode,
        body: &[u8],
    ) -> bool {
        let mac = value.and_then(|value| URL_SAFE_NO_PAD.decode(value).ok());
        mac.is_some_and(|mac| self.verifies(&answered(asked, status, body), &mac))
    }

    fn mac(&self, message: &[u8]) -> Option<String> {
        let mac = hmac::sign(self.0.first()?, message);
        Some(URL_SAFE_NO_PAD.encode(mac))
    }

    fn verifies(&self, message: &[u8], mac: &[u8]) -> bool {
        let mut keys = self.0.iter();
        keys.any(|key| hmac::verify(key, message, mac).is_ok())
    }
}

/// Returns the signed text. It is unambiguous, because only the target, which is last, has a choice of characters.
fn signed(to: &NodeId, method: &Method, target: &str, at_ms: i64) -> Vec<u8> {
    format!("{at_ms}\n{to}\n{method}\n{target}").into_bytes()
}

/// Returns the signed text of an answer. It is unambiguous, because only the body, which is last, can contain a line
/// break. A request's text begins with a number.
fn answered(asked: &HeaderValue, status: StatusCode, body: &[u8]) -> Vec<u8> {
    let status = status.as_str().as_bytes();
    [&b"answer"[..], asked.as_bytes(), status, body].join(&b'\n')
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

    #[test]
    fn an_answer_is_accepted_as_it_was_given_and_for_its_request() {
        let keys_of = |key: &str| PeerKeys::of(&Vault::from_master_key(&key.repeat(64)).unwrap());
        let (keys, others) = (keys_of("1"), keys_of("2"));
        let to = NodeId::generate();
        let asked = |at| keys.sign(&to, &Method::GET, "/v1/nodes/uses", at).unwrap();
        let (first, second) = (asked(1), asked(2));
        let mac = keys.sign_answer(&first, StatusCode::OK, b"body").unwrap();
        let is_answer = |keys: &PeerKeys, asked, status, body: &[u8]| {
            keys.is_answer(Some(&mac), asked, status, body)
        };
        assert!(is_answer(&keys, &first, StatusCode::OK, b"body"));
        assert!(!is_answer(&keys, &first, StatusCode::OK, b"Body"));
        assert!(!is_answer(&keys, &first, StatusCode::OK, b""));
        assert!(!is_answer(&keys, &first, StatusCode::NO_CONTENT, b"body"));
        assert!(!is_answer(&keys, &second, StatusCode::OK, b"body"));
        assert!(!is_answer(&others, &first, StatusCode::OK, b"body"));
        assert!(!keys.is_answer(None, &first, StatusCode::OK, b"body"));
        // The code of a request is none of an answer.
        let (_, own) = first.to_str().unwrap().rsplit_once(' ').unwrap();
        let own = HeaderValue::try_from(own).unwrap();
        assert!(!keys.is_answer(Some(&own), &first, StatusCode::OK, b"body"));
    }
}
