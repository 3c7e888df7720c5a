//! The audit trail.

use jelou_core::api::AuditPage;

use crate::path::Path;
use crate::{Client, ClientError};

impl Client {
    /// The audit trail of the server.
    pub fn audit(&self) -> Audit<'_> {
        Audit { client: self }
    }
}

/// The audit trail of a server.
#[derive(Debug)]
pub struct Audit<'a> {
    client: &'a Client,
}

/// The part of the trail to read; by default the newest entries.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuditQuery {
    /// Maximum number of entries to return. The server has a default and a limit.
    pub limit: Option<u32>,
    /// Only entries older than this id.
    pub before: Option<i64>,
    /// Only entries newer than this id, oldest first.
    pub after: Option<i64>,
}

impl Audit<'_> {
    /// A page of entries, newest first; with `after`, oldest first.
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
