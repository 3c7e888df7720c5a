//! Operations on leaked tokens.

use jelou_core::api::{LeakedToken, List, ReportLeak};

use crate::path::Path;
use crate::{Client, ClientError};

impl Client {
    /// Revokes leaked tokens by their values. The results are in the order of the values.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn revoke_leaked(&self, report: &ReportLeak) -> Result<Vec<LeakedToken>, ClientError> {
        let list: List<LeakedToken> = self.post(&Path::new("leaked-tokens"), report)?;
        Ok(list.items)
    }
}
