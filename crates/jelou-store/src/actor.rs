/// Who makes a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Id of the access token; the audit trail keeps it.
    pub id: String,
    /// Name of the access token, as `created_by` shows it.
    pub name: String,
}

impl Actor {
    /// The server itself, for instance at its first start.
    pub fn system() -> Self {
        Self {
            id: "system".to_owned(),
            name: "system".to_owned(),
        }
    }
}
