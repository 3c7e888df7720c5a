use jelou_core::api::WhoAmI;
use serde::Deserialize;

use crate::path::Path;
use crate::{Client, ClientError};

#[derive(Deserialize)]
struct Health {
    #[serde(rename = "status")]
    _status: String,
}

impl Client {
    /// Whether a jelou server answers at the address. Needs no token.
    pub fn health(&self) -> Result<(), ClientError> {
        self.get::<Health>(&Path::new("health")).map(drop)
    }

    /// The access token that this client presents, and the server's own facts.
    pub fn whoami(&self) -> Result<WhoAmI, ClientError> {
        self.get(&Path::new("whoami"))
    }
}
