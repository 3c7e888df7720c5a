use jelou_core::api::{CreateToken, CreatedToken, List, RuntimeToken};
use jelou_core::{Slug, TokenId};

use super::functions::function;
use crate::path::Path;
use crate::{Client, ClientError};

impl Client {
    /// The runtime tokens of a function.
    pub fn tokens(&self, slug: &Slug) -> RuntimeTokens<'_> {
        RuntimeTokens {
            client: self,
            slug: slug.clone(),
        }
    }
}

#[derive(Debug)]
pub struct RuntimeTokens<'a> {
    client: &'a Client,
    slug: Slug,
}

/// What to do when a function would be left without an active token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// Refuse with `LAST_TOKEN`.
    KeepLast,
    /// Revoke all the same.
    Force,
}

impl RuntimeTokens<'_> {
    pub fn list(&self) -> Result<Vec<RuntimeToken>, ClientError> {
        let list: List<RuntimeToken> = self.client.get(&self.collection())?;
        Ok(list.items)
    }

    /// The one answer that holds the token's value.
    pub fn create(&self, token: &CreateToken) -> Result<CreatedToken, ClientError> {
        self.client.post(&self.collection(), token)
    }

    /// `reference` is an id, a name, or a display prefix that only one token has.
    pub fn get(&self, reference: &str) -> Result<RuntimeToken, ClientError> {
        self.client.get(&self.collection().segment(reference))
    }

    pub fn revoke(&self, id: &TokenId, removal: Removal) -> Result<(), ClientError> {
        let path = self.collection().segment(id.as_str());
        self.client.delete(&match removal {
            Removal::KeepLast => path,
            Removal::Force => path.query("force", true),
        })
    }

    fn collection(&self) -> Path {
        function(&self.slug).segment("tokens")
    }
}
