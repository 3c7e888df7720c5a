//! Operations on the audit trail.

use jelou_core::api::AuditPage;

use crate::path::Path;
use crate::{Client, ClientError};

impl Client {
    /// Returns the operations on the audit trail.
    pub fn audit(&self) -> Audit<'_> {
        Audit { client: self }
    }
}

/// The operations on a server's audit trail.
#[derive(Debug)]
pub struct Audit<'a> {
    client: &'a Client,
}

/// Selects entries of the audit trail. Default: the newest entries.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuditQuery {
    /// Maximum number of entries. The server has a default and a limit.
    pub limit: Option<u32>,
    /// Only entries with a smaller id.
    pub before: Option<i64>,
    /// Only entries with a greater id, oldest first.
    pub after: Option<i64>,
}

impl Audit<'_> {
    /// Returns a page of entries, newest first. With `after`, oldest first.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn list(&self, query: AuditQuery) -> Result<AuditPage, ClientError> {
        let mut path = Path::new("audit");
        if let Some(limit) = query.limit {
            path = path.query("limit", limit);
        }
        if let Some(before) = query.before {
            path = path.query("before", before);
        }
        if let Some(after) = query.after {
            path = path.query("after", after);
        }
        self.client.get(&path)
    }
}
