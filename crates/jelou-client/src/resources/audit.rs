use jelou_core::api::AuditPage;

use crate::path::Path;
use crate::{Client, ClientError};

impl Client {
    pub fn audit(&self) -> Audit<'_> {
        Audit { client: self }
    }
}

#[derive(Debug)]
pub struct Audit<'a> {
    client: &'a Client,
}

/// Which part of the trail to read; the newest entries by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuditQuery {
    /// The most entries to return; the server has a default and a limit of its own.
    pub limit: Option<u32>,
    /// Only entries older than the one of this id.
    pub before: Option<i64>,
}

impl Audit<'_> {
    pub fn list(&self, query: AuditQuery) -> Result<AuditPage, ClientError> {
        let mut path = Path::new("audit");
        if let Some(limit) = query.limit {
            path = path.query("limit", limit);
        }
        if let Some(before) = query.before {
            path = path.query("before", before);
        }
        self.client.get(&path)
    }
}
