//! Operations on the server itself.

use jelou_core::api::{List, NodeInfo, WhoAmI};
use serde::Deserialize;

use crate::path::Path;
use crate::{Client, ClientError};

#[derive(Deserialize)]
struct Health {
    #[serde(rename = "status")]
    _status: String,
}

impl Client {
    /// Checks that a jelou server answers at the URL. Needs no token.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn health(&self) -> Result<(), ClientError> {
        self.get::<Health>(&Path::new("health")).map(drop)
    }

    /// Returns the servers that share the database. Empty if only this server uses the database.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn nodes(&self) -> Result<Vec<NodeInfo>, ClientError> {
        let list: List<NodeInfo> = self.get(&Path::new("nodes"))?;
        Ok(list.items)
    }

    /// Returns this client's access token and data about the server.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn whoami(&self) -> Result<WhoAmI, ClientError> {
        self.get(&Path::new("whoami"))
    }
}
