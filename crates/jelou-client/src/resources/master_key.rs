//! Operations on the master key.

use jelou_core::api::{MasterKeyRotated, MasterKeyState};

use crate::path::Path;
use crate::{Client, ClientError};

impl Client {
    /// Checks that the server can create a new master key.
    ///
    /// # Errors
    /// Any [`ClientError`]: among them a conflict, if the key does not come from a file of the server.
    pub fn check_master_key_rotation(&self) -> Result<(), ClientError> {
        self.get::<MasterKeyState>(&rotation()).map(drop)
    }

    /// Creates a new master key, and encrypts every secret with it.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn rotate_master_key(&self) -> Result<MasterKeyRotated, ClientError> {
        self.post(&rotation(), &())
    }
}

fn rotation() -> Path {
    Path::new("master-key").segment("rotation")
}
