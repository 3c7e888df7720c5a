//! The author of a change.

/// The author of a change: an access token or the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The id of the access token, for the audit trail.
    pub id: String,
    /// The name of the access token, for `created_by`.
    pub name: String,
}

impl Actor {
    /// Returns the author of changes that the server itself makes, for example at its first start.
    pub fn system() -> Self {
        Self {
            id: "system".to_owned(),
            name: "system".to_owned(),
        }
    }
}
