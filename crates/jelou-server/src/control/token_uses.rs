//! The uses of tokens that other servers know and have not stored yet.
//!
//! Each server stores the times of last use once a minute. A second rotation in a grace period ends the newest value if
//! nobody has used it, so it must know the uses of the last minute on every server.

use std::time::Duration;

use jelou_store::{AccessTokenRecord, PreviousTokenValue, RuntimeTokenRecord};
use jelou_token::DisplayPrefix;
use jiff::Timestamp;
use tokio::task::JoinSet;

use super::{Control, ControlError};
use crate::last_used;
use crate::peers::{Peer, PeerError};

/// The route that makes a server store the uses that it knows.
const TARGET: &str = "/v1/nodes/uses";

impl Control {
    /// Stores the uses that this server knows.
    pub(crate) async fn store_uses(&self) -> Result<(), ControlError> {
        Ok(last_used::store_now(&self.registry, &self.store).await?)
    }

    /// Makes all servers store the uses that they know, if a rotation would end the value `prefix` because it seems
    /// unused.
    ///
    /// # Errors
    /// [`ControlError::UnknownUse`] if a server that may have seen a use does not answer.
    pub(super) async fn gather_uses(
        &self,
        prefix: DisplayPrefix,
        seems_unused: bool,
    ) -> Result<(), ControlError> {
        if !self.store.is_shared() || !seems_unused {
            return Ok(());
        }
        self.store_uses().await?;
        let own = self.store.node();
        let mut asked = JoinSet::new();
        for (id, address) in self.servers().await? {
            if Some(&id) == own {
                continue;
            }
            let (peer, now_ms) = (Peer::new(self, id, &address), self.clock.now_ms());
            asked.spawn(async move {
                let answered = match peer {
                    Ok(mut peer) => peer.get(TARGET, now_ms, Duration::ZERO).await,
                    Err(error) => Err(error),
                };
                (address, answered.map(drop))
            });
        }
        let answers: Vec<(String, Result<(), PeerError>)> = asked.join_all().await;
        let silent = answers
            .into_iter()
            .find_map(|(address, answer)| Some((address, answer.err()?)));
        match silent {
            None => Ok(()),
            Some((server, reason)) => Err(ControlError::UnknownUse {
                prefix: prefix.to_string(),
                server,
                reason: reason.to_string(),
            }),
        }
    }

    /// Whether the token is in a grace period, and this server knows of no use of its newest value.
    pub(super) fn seems_unused(&self, token: &RuntimeTokenRecord) -> bool {
        let used = self.registry.tokens.last_used(&token.hash);
        let used = used.or(token.value_last_used_at);
        self.is_unused(used, token.previous.as_ref())
    }

    /// Like [`Self::seems_unused`], for an access token.
    pub(super) fn access_seems_unused(&self, token: &AccessTokenRecord) -> bool {
        let used = self.registry.access_tokens.last_used(&token.hash);
        let used = used.or(token.last_used_at);
        self.is_unused(used, token.previous.as_ref())
    }

    fn is_unused(&self, used: Option<Timestamp>, previous: Option<&PreviousTokenValue>) -> bool {
        used.is_none() && previous.is_some_and(|previous| previous.valid_until > self.clock.now())
    }
}
