//! Rotation of the master key while the server runs.

use std::sync::Arc;

use jelou_core::api::{MasterKeyRotated, MasterKeyState};
use jelou_store::Actor;

use super::{Control, ControlError};

impl Control {
    /// Returns the master key that a rotation would replace.
    ///
    /// # Errors
    /// The key cannot be rotated.
    pub(crate) fn master_key(&self) -> Result<MasterKeyState, ControlError> {
        self.store.check_master_key_rotation()?;
        let key_id = self.store.vault().key_id().to_string();
        Ok(MasterKeyState { key_id })
    }

    /// Generates a master key, and encrypts every secret with it. Calls continue: running processes have the values
    /// already, and the earlier key stays in memory for processes that start.
    pub(crate) async fn rotate_master_key(
        self: &Arc<Self>,
        actor: Actor,
    ) -> Result<MasterKeyRotated, ControlError> {
        let control = Arc::clone(self);
        // Not a `change`, so that other changes can run during a rotation with many secrets.
        let rotation = tokio::spawn(async move { control.store.rotate_master_key(&actor).await });
        let rotated = rotation.await.map_err(|_| ControlError::Interrupted)??;
        tracing::info!(key = %rotated.key_id, values = rotated.values, "master key rotated");
        Ok(MasterKeyRotated {
            key_id: rotated.key_id.to_string(),
            values: rotated.values,
        })
    }

    /// Completes a rotation that the previous process did not complete, or that new keys in the configuration began.
    pub(crate) async fn continue_master_key_rotation(self: Arc<Self>) {
        if !self.store.is_rotating_master_key() {
            return;
        }
        match self.store.continue_rotation(&Actor::system()).await {
            Ok(rotated) => {
                tracing::info!(key = %rotated.key_id, values = rotated.values, "master key rotated");
            }
            // The next start tries again. Until then, both keys are in use.
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "cannot rotate the master key"
                );
            }
        }
    }
}
