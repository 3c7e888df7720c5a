//! The author of a change.

use std::net::IpAddr;

/// The author of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The id of the access token or trust policy, or `system`. Stored in the audit trail.
    pub id: String,
    /// The name of the access token or trust policy, or `system`. Stored in `created_by`.
    pub name: String,
    /// Address of the client; `None` for the server itself.
    pub address: Option<IpAddr>,
}

impl Actor {
    /// Returns the author of changes that the server itself makes, for example at its first start.
    pub fn system() -> Self {
        Self {
            id: "system".to_owned(),
            name: "system".to_owned(),
            address: None,
        }
    }
}
