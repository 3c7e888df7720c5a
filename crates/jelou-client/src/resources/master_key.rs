//! Operations on the master key.

use jelou_core::api::MasterKeyRotated;

use crate::path::Path;
use crate::{Client, ClientError};

impl Client {
    /// Creates a new master key, and encrypts every secret with it.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn rotate_master_key(&self) -> Result<MasterKeyRotated, ClientError> {
        self.post(&Path::new("master-key").segment("rotation"), &())
    }
}
