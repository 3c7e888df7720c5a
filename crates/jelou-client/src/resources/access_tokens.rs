//! Operations on access tokens.

use jelou_core::api::{AccessTokenInfo, CreateAccessToken, CreatedAccessToken, List, RotateToken};

use crate::path::Path;
use crate::{Client, ClientError};

impl Client {
    /// Returns the operations on access tokens.
    pub fn access_tokens(&self) -> AccessTokens<'_> {
        AccessTokens { client: self }
    }
}

/// The operations on a server's access tokens.
#[derive(Debug)]
pub struct AccessTokens<'a> {
    client: &'a Client,
}

impl AccessTokens<'_> {
    /// Lists the unrevoked access tokens.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn list(&self) -> Result<Vec<AccessTokenInfo>, ClientError> {
        let list: List<AccessTokenInfo> = self.client.get(&collection())?;
        Ok(list.items)
    }

    /// Creates an access token. Only this response contains its value.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn create(&self, token: &CreateAccessToken) -> Result<CreatedAccessToken, ClientError> {
        self.client.post(&collection(), token)
    }

    /// Returns an access token by its id, its name or a unique display prefix.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn info(&self, reference: &str) -> Result<AccessTokenInfo, ClientError> {
        self.client.get(&collection().segment(reference))
    }

    /// Gives an access token a new value. Only this response contains the new value.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn rotate(
        &self,
        reference: &str,
        rotation: RotateToken,
    ) -> Result<CreatedAccessToken, ClientError> {
        self.client.post(&rotation_of(reference), &rotation)
    }

    /// Ends the grace period of the last rotation now.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn finish_rotation(&self, reference: &str) -> Result<AccessTokenInfo, ClientError> {
        self.client.delete_and_read(&rotation_of(reference))
    }

    /// Revokes an access token. `reference` is its id, its name or a unique display prefix.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn revoke(&self, reference: &str) -> Result<(), ClientError> {
        self.client.delete(&collection().segment(reference))
    }
}

fn collection() -> Path {
    Path::new("access-tokens")
}

fn rotation_of(reference: &str) -> Path {
    collection().segment(reference).segment("rotation")
}
