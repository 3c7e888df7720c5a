//! The status of a token, for lists.

use jelou_core::api::{RuntimeTokenInfo, TokenUsageReport};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::output::local_date;

/// A token that expires within this time needs attention.
const EXPIRING: SignedDuration = SignedDuration::from_hours(30 * 24);
/// A token that was not used for this time is probably not needed.
const UNUSED: SignedDuration = SignedDuration::from_hours(90 * 24);

#[derive(Serialize)]
pub(super) struct Listed<'a> {
    #[serde(flatten)]
    pub(super) token: &'a RuntimeTokenInfo,
    pub(super) status: Status,
    /// The use of the token. Absent if it was not requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<TokenUsageReport>,
}

impl<'a> Listed<'a> {
    pub(super) fn new(token: &'a RuntimeTokenInfo) -> Self {
        Self {
            token,
            status: Status::of(token, Timestamp::now()),
            usage: None,
        }
    }
}

/// The status of a token: whether it is valid, and a state that its owner may want to know. Revoked tokens have no
/// status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Status {
    Active,
    /// The token expires within 30 days.
    Expiring,
    /// The token was rotated, and its old value is still valid.
    Grace,
    /// The token was not used for 90 days.
    Unused,
    Disabled,
    Expired,
}

impl Status {
    fn of(token: &RuntimeTokenInfo, now: Timestamp) -> Self {
        let last_seen = token.last_used_at.unwrap_or(token.created_at);
        let expires_by = |at| token.expires_at.is_some_and(|expires_at| expires_at <= at);
        if expires_by(now) {
            Self::Expired
        } else if token.disabled_at.is_some() {
            Self::Disabled
        } else if token.in_grace(now).is_some() {
            Self::Grace
        } else if expires_by(now + EXPIRING) {
            Self::Expiring
        } else if now.duration_since(last_seen) >= UNUSED {
            Self::Unused
        } else {
            Self::Active
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expiring => "expiring",
            Self::Grace => "grace",
            Self::Unused => "unused",
            Self::Disabled => "disabled",
            Self::Expired => "expired",
        }
    }
}

/// Returns what the owner should know about the token, or `None`.
pub(super) fn notice(listed: &Listed<'_>) -> Option<String> {
    let Listed { token, status, .. } = listed;
    let name = &token.name;
    match status {
        Status::Active => None,
        Status::Unused => Some(format!("\"{name}\" was not used for 90 days")),
        Status::Disabled => Some(format!("\"{name}\" is disabled")),
        Status::Expired => {
            let at = token.expires_at?;
            Some(format!("\"{name}\" expired on {}", local_date(at)))
        }
        Status::Expiring => {
            let at = token.expires_at?;
            Some(format!("\"{name}\" expires on {}", local_date(at)))
        }
        Status::Grace => {
            let previous = token.previous.as_ref()?;
            let used = previous.last_used_at.map_or_else(
                || "not used since the rotation".to_owned(),
                |at| format!("last used on {}", local_date(at)),
            );
            Some(format!(
                "\"{name}\" was rotated; its old value {}.. works until {} ({used})",
                previous.prefix,
                local_date(previous.valid_until)
            ))
        }
    }
}

/// Returns scopes, networks, methods, rate and quota, or `None` if the token has no limits.
pub(super) fn limits(token: &RuntimeTokenInfo) -> Option<String> {
    let limits: Vec<String> = [
        token.scopes.as_ref().map(|scopes| joined(scopes.iter())),
        token.cidrs.as_ref().map(|cidrs| joined(cidrs.iter())),
        token.methods.as_ref().map(|methods| joined(methods.iter())),
        token.rate.map(|rate| rate.to_string()),
        token.quota.as_ref().map(ToString::to_string),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!limits.is_empty()).then(|| limits.join("; "))
}

pub(super) fn joined(items: impl Iterator<Item: ToString>) -> String {
    items
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_its_status() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let token = |changes: serde_json::Value| -> RuntimeTokenInfo {
            let mut token = serde_json::json!({
                "id": jelou_core::TokenId::generate(), "name": "ci", "prefix": "jfn_rt_abc1",
                "createdAt": "2026-01-01T00:00:00Z", "createdBy": "ana",
            });
            token
                .as_object_mut()
                .unwrap()
                .extend(changes.as_object().unwrap().clone());
            serde_json::from_value(token).unwrap()
        };
        let now = at("2026-01-10T00:00:00Z");
        let previous = serde_json::json!({
            "prefix": "jfn_rt_abc0", "validUntil": "2026-01-11T00:00:00Z",
        });
        for (changes, status) in [
            (serde_json::json!({}), Status::Active),
            (
                serde_json::json!({"expiresAt": "2026-01-10T00:00:00Z", "disabledAt": "2026-01-02T00:00:00Z"}),
                Status::Expired,
            ),
            (
                serde_json::json!({"disabledAt": "2026-01-02T00:00:00Z", "previous": previous}),
                Status::Disabled,
            ),
            (serde_json::json!({"previous": previous}), Status::Grace),
            (
                serde_json::json!({"expiresAt": "2026-02-09T00:00:00Z"}),
                Status::Expiring,
            ),
            (
                serde_json::json!({"expiresAt": "2026-02-09T00:00:01Z"}),
                Status::Active,
            ),
            (
                serde_json::json!({"createdAt": "2025-10-12T00:00:00Z"}),
                Status::Unused,
            ),
            (
                serde_json::json!({"createdAt": "2025-10-12T00:00:00Z", "lastUsedAt": "2026-01-09T00:00:00Z"}),
                Status::Active,
            ),
        ] {
            assert_eq!(
                Status::of(&token(changes.clone()), now),
                status,
                "{changes}"
            );
        }
    }
}
