//! Leaked tokens: revocation by value, and detection of tokens in the files of a deploy.

use std::sync::Arc;

use jelou_core::SourceTree;
use jelou_core::api::{LeakOutcome, LeakedToken, MAX_LEAKED_VALUES, ReportLeak};
use jelou_store::{Actor, NewExchangedToken, StoreError};
use jelou_token::{AccessToken, DisplayPrefix, RuntimeToken, TokenHash, scan};
use zeroize::Zeroizing;

use super::{Control, ControlError};

/// A reported value.
enum Value {
    Runtime(TokenHash, DisplayPrefix),
    Access(TokenHash, DisplayPrefix),
    Malformed,
}

impl Value {
    fn of(text: &str) -> Self {
        if let Ok(token) = RuntimeToken::parse(text) {
            return Self::Runtime(token.hash(), token.display_prefix());
        }
        match AccessToken::parse(text) {
            Ok(token) => Self::Access(token.hash(), token.display_prefix()),
            Err(_) => Self::Malformed,
        }
    }
}

impl Control {
    /// Revokes each reported token. The next request with the token is refused.
    pub(crate) async fn revoke_leaked(
        self: &Arc<Self>,
        actor: Actor,
        report: ReportLeak,
    ) -> Result<Vec<LeakedToken>, ControlError> {
        let values: Vec<_> = report.values.into_iter().map(Zeroizing::new).collect();
        if values.is_empty() || values.len() > MAX_LEAKED_VALUES {
            return Err(ControlError::Invalid {
                detail: format!(
                    "the report has {} values; it must have 1 to {MAX_LEAKED_VALUES}",
                    values.len()
                ),
                hint: "send the rest in another report",
            });
        }
        let values: Vec<_> = values.iter().map(|value| Value::of(value.trim())).collect();
        self.change(|control| async move {
            let mut reports = Vec::with_capacity(values.len());
            for value in values {
                reports.push(control.revoke_value(&actor, value).await?);
            }
            Ok(reports)
        })
        .await
    }

    /// Revokes a token that GitHub secret scanning found.
    pub(crate) async fn revoke_found(
        self: &Arc<Self>,
        value: &str,
    ) -> Result<Vec<LeakedToken>, ControlError> {
        let actor = Actor {
            id: "github".to_owned(),
            name: "github".to_owned(),
            address: None,
        };
        let report = ReportLeak {
            values: vec![value.to_owned()],
        };
        self.revoke_leaked(actor, report).await
    }

    async fn revoke_value(&self, actor: &Actor, value: Value) -> Result<LeakedToken, ControlError> {
        let (mut report, prefix) = match value {
            Value::Runtime(hash, prefix) => (self.revoke_runtime(actor, &hash).await?, prefix),
            Value::Access(hash, prefix) => (self.revoke_access(actor, &hash).await?, prefix),
            Value::Malformed => {
                return Ok(LeakedToken::without_token(LeakOutcome::Malformed, None));
            }
        };
        report.prefix = Some(prefix.to_string());
        Ok(report)
    }

    async fn revoke_runtime(
        &self,
        actor: &Actor,
        hash: &TokenHash,
    ) -> Result<LeakedToken, ControlError> {
        let leak = self.store.revoke_leaked_token(actor, hash).await?;
        if leak.report.outcome == LeakOutcome::Unknown {
            return Ok(self.revoke_exchanged(hash).await?.unwrap_or(leak.report));
        }
        match (leak.report.outcome, &leak.ended) {
            (LeakOutcome::Revoked, Some(token)) => self.registry.tokens.remove(token),
            (_, Some(_)) => self.registry.tokens.remove_value(hash),
            _ => {}
        }
        Ok(leak.report)
    }

    async fn revoke_access(
        &self,
        actor: &Actor,
        hash: &TokenHash,
    ) -> Result<LeakedToken, ControlError> {
        let Some((token, is_revoked)) = self.store.access_token_of(hash).await? else {
            let unknown = LeakedToken::without_token(LeakOutcome::Unknown, None);
            return Ok(self.revoke_exchanged(hash).await?.unwrap_or(unknown));
        };
        let now = self.clock.now();
        let old_ended = token
            .previous
            .as_ref()
            .filter(|previous| previous.hash == *hash)
            .map(|previous| previous.valid_until <= now);
        let outcome = match old_ended {
            _ if is_revoked => LeakOutcome::AlreadyInvalid,
            Some(true) => LeakOutcome::AlreadyInvalid,
            Some(false) => {
                let id = &token.id;
                self.store.finish_access_token_rotation(actor, id).await?;
                self.registry.access_tokens.remove_value(hash);
                LeakOutcome::OldValueEnded
            }
            None => match self.store.revoke_access_token(actor, &token.id).await {
                Ok(revoked) => {
                    self.registry.access_tokens.remove(&revoked);
                    LeakOutcome::Revoked
                }
                Err(StoreError::LastAdministrator { .. }) => LeakOutcome::LastAdministrator,
                Err(error) => return Err(error.into()),
            },
        };
        Ok(LeakedToken {
            outcome,
            prefix: None,
            id: Some(token.id.to_string()),
            name: Some(token.name),
            function: None,
        })
    }

    /// Revokes a token that was issued in exchange for an identity token; `None` if there is no such token.
    async fn revoke_exchanged(
        &self,
        hash: &TokenHash,
    ) -> Result<Option<LeakedToken>, ControlError> {
        let Some(token) = self.store.end_exchanged_token(hash).await? else {
            return Ok(None);
        };
        self.end_exchanged(&token);
        let id = match &token.new {
            NewExchangedToken::Access { id, .. } => id.to_string(),
            NewExchangedToken::Runtime { id, .. } => id.to_string(),
        };
        Ok(Some(LeakedToken {
            outcome: LeakOutcome::Revoked,
            prefix: None,
            id: Some(id),
            name: Some(token.name),
            function: None,
        }))
    }

    /// Refuses an upload that contains a token of this server, unless the token is expired.
    pub(super) fn check_for_tokens(&self, tree: &SourceTree) -> Result<(), ControlError> {
        for file in tree.files() {
            let text = String::from_utf8_lossy(&file.content);
            for found in scan(&text) {
                if self.is_live(found.value) {
                    let line = text[..found.start].lines().count().max(1);
                    return Err(ControlError::Invalid {
                        detail: format!(
                            "{}:{line} contains a token that works; a deployment would keep it for ever",
                            file.path
                        ),
                        hint: "revoke the token, create another one, and store it with `jelou secrets set`",
                    });
                }
            }
        }
        Ok(())
    }

    /// Whether the value is a token of this server that works now.
    pub(crate) fn works(&self, value: &str) -> bool {
        let is_disabled = match Value::of(value) {
            Value::Runtime(hash, _) => {
                let token = self.registry.tokens.known(&hash);
                token.is_some_and(|token| token.is_disabled)
            }
            Value::Access(..) | Value::Malformed => false,
        };
        !is_disabled && self.is_live(value)
    }

    /// Whether the value is a token of this server that is not expired. A disabled token counts too, because it can be
    /// enabled again.
    fn is_live(&self, value: &str) -> bool {
        match Value::of(value) {
            Value::Runtime(hash, _) => self.registry.tokens.known(&hash).is_some_and(|token| {
                token
                    .grant
                    .expires_at
                    .is_none_or(|end| end > self.clock.now())
            }),
            Value::Access(hash, _) => {
                let token = self.registry.access_tokens.get(&hash);
                token.is_some_and(|token| !token.is_expired(self.clock.now()))
            }
            Value::Malformed => false,
        }
    }
}
