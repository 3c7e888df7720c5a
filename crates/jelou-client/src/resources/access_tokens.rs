use jelou_core::api::{AccessToken, CreateAccessToken, CreatedAccessToken, List};

use crate::path::Path;
use crate::{Client, ClientError};

impl Client {
    pub fn access_tokens(&self) -> AccessTokens<'_> {
        AccessTokens { client: self }
    }
}

#[derive(Debug)]
pub struct AccessTokens<'a> {
    client: &'a Client,
}

impl AccessTokens<'_> {
    pub fn list(&self) -> Result<Vec<AccessToken>, ClientError> {
        let list: List<AccessToken> = self.client.get(&collection())?;
        Ok(list.items)
    }

    /// The one answer that holds the token's value.
    pub fn create(&self, token: &CreateAccessToken) -> Result<CreatedAccessToken, ClientError> {
        self.client.post(&collection(), token)
    }

    /// `reference` is an id, a name, or a display prefix that only one token has.
    pub fn revoke(&self, reference: &str) -> Result<(), ClientError> {
        self.client.delete(&collection().segment(reference))
    }
}

fn collection() -> Path {
    Path::new("access-tokens")
}
