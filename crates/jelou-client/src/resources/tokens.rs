//! Operations on runtime tokens of a function.

use jelou_core::api::{
    CheckToken, CreateToken, CreatedToken, ImportReport, ImportTokens, List, RevokeTokens,
    RotateToken, RuntimeTokenInfo, RuntimeTokenPage, TokenCheck, TokenExport, TokenUsageReport,
    UpdateToken,
};
use jelou_core::{Slug, TokenId};

use super::functions::function;
use crate::path::Path;
use crate::{Client, ClientError};

impl Client {
    /// Returns the operations on a function's runtime tokens.
    pub fn tokens(&self, slug: &Slug) -> RuntimeTokens<'_> {
        RuntimeTokens {
            client: self,
            slug: slug.clone(),
        }
    }
}

/// The number of tokens that one request of a list asks for: the server's maximum.
const PAGE: usize = 1_000;

/// The operations on a function's runtime tokens.
#[derive(Debug)]
pub struct RuntimeTokens<'a> {
    client: &'a Client,
    slug: Slug,
}

/// Whether the last active token of a function may be revoked or disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// The server refuses the change with `LAST_TOKEN`.
    KeepLast,
    /// The server allows the change.
    Force,
}

impl RuntimeTokens<'_> {
    /// Lists the unrevoked tokens, oldest first.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn list(&self) -> Result<Vec<RuntimeTokenInfo>, ClientError> {
        let (mut tokens, mut after) = (Vec::new(), None);
        loop {
            let mut path = self.collection().query("limit", PAGE);
            if let Some(after) = after {
                path = path.query("after", after);
            }
            let page: RuntimeTokenPage = self.client.get(&path)?;
            tokens.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(tokens);
            }
        }
    }

    /// Creates a token. Only this response contains its value.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn create(&self, token: &CreateToken) -> Result<CreatedToken, ClientError> {
        self.client.post(&self.collection(), token)
    }

    /// Returns one token. `reference` is its id, its name or a unique display prefix.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn get(&self, reference: &str) -> Result<RuntimeTokenInfo, ClientError> {
        self.client.get(&self.collection().segment(reference))
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn revoke(&self, id: &TokenId, removal: Removal) -> Result<(), ClientError> {
        self.client.delete(&self.path_of(id, removal))
    }

    /// Revokes the selected tokens together, and returns them.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn revoke_many(
        &self,
        selection: &RevokeTokens,
    ) -> Result<Vec<RuntimeTokenInfo>, ClientError> {
        let path = function(&self.slug).segment("token-revocation");
        let list: List<RuntimeTokenInfo> = self.client.post(&path, selection)?;
        Ok(list.items)
    }

    /// Changes a token.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn update(
        &self,
        id: &TokenId,
        update: &UpdateToken,
        removal: Removal,
    ) -> Result<RuntimeTokenInfo, ClientError> {
        self.client.patch(&self.path_of(id, removal), update)
    }

    /// Gives a token a new value. Only this response contains the new value.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn rotate(&self, id: &TokenId, rotation: RotateToken) -> Result<CreatedToken, ClientError> {
        self.client.post(&self.rotation(id), &rotation)
    }

    /// Checks whether a token may make a call.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn check(&self, id: &TokenId, call: &CheckToken) -> Result<TokenCheck, ClientError> {
        let path = self.collection().segment(id.as_str()).segment("check");
        self.client.post(&path, call)
    }

    /// Returns the use of every token in the last `days` days.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn usage(&self, days: u32) -> Result<Vec<TokenUsageReport>, ClientError> {
        let path = function(&self.slug)
            .segment("token-usage")
            .query("days", days);
        let list: List<TokenUsageReport> = self.client.get(&path)?;
        Ok(list.items)
    }

    /// Returns the tokens with the hashes of their values.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn export(&self) -> Result<TokenExport, ClientError> {
        let path = function(&self.slug).segment("token-export");
        self.client.post(&path, &())
    }

    /// Imports tokens by the hashes of their values.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn import(&self, import: &ImportTokens) -> Result<ImportReport, ClientError> {
        let path = function(&self.slug).segment("token-import");
        self.client.post_unless_dry(import.dry_run, &path, import)
    }

    /// Ends the grace period of the last rotation now.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn finish_rotation(&self, id: &TokenId) -> Result<RuntimeTokenInfo, ClientError> {
        self.client.delete_and_read(&self.rotation(id))
    }

    fn rotation(&self, id: &TokenId) -> Path {
        self.collection().segment(id.as_str()).segment("rotation")
    }

    fn path_of(&self, id: &TokenId, removal: Removal) -> Path {
        let path = self.collection().segment(id.as_str());
        match removal {
            Removal::KeepLast => path,
            Removal::Force => path.query("force", true),
        }
    }

    fn collection(&self) -> Path {
        function(&self.slug).segment("tokens")
    }
}
