//! Operations on trust policies, and the exchange of identity tokens.

use jelou_core::api::{CreateTrust, ExchangedToken, List, TrustPolicy};
use jelou_core::{Scopes, Slug};

use crate::path::Path;
use crate::{Client, ClientError};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

impl Client {
    /// Returns the operations on the server's trust policies.
    pub fn trust(&self) -> Trust<'_> {
        Trust { client: self }
    }

    /// Exchanges an identity token for a short-lived token (RFC 8693). Sends no access token.
    ///
    /// # Errors
    /// [`ClientError::Exchange`] when the server refuses it, or any other [`ClientError`].
    pub fn exchange(
        &self,
        identity_token: &str,
        wanted: &RequestedToken,
    ) -> Result<ExchangedToken, ClientError> {
        let scopes;
        let mut form = vec![
            ("grant_type", GRANT_TYPE),
            ("subject_token_type", JWT),
            ("subject_token", identity_token),
        ];
        match wanted {
            RequestedToken::Access(None) => {}
            RequestedToken::Access(Some(wanted)) => {
                scopes = wanted.to_string();
                form.push(("scope", &scopes));
            }
            RequestedToken::Call(slug) => form.push(("audience", slug.as_str())),
        }
        self.post_form(&Path::new("token"), form)
    }
}

/// The kind of token that is requested for an identity token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestedToken {
    /// An access token. `None`: with all scopes that the policies grant.
    Access(Option<Scopes>),
    /// A runtime token of the function.
    Call(Slug),
}

/// The operations on a server's trust policies.
#[derive(Debug)]
pub struct Trust<'a> {
    client: &'a Client,
}

impl Trust<'_> {
    /// Lists the trust policies, oldest first.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn list(&self) -> Result<Vec<TrustPolicy>, ClientError> {
        let list: List<TrustPolicy> = self.client.get(&collection())?;
        Ok(list.items)
    }

    /// Returns a trust policy by its id or name.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn info(&self, reference: &str) -> Result<TrustPolicy, ClientError> {
        self.client.get(&collection().segment(reference))
    }

    /// Creates a trust policy.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn create(&self, policy: &CreateTrust) -> Result<TrustPolicy, ClientError> {
        self.client.post(&collection(), policy)
    }

    /// Deletes a trust policy. Also ends the tokens that were issued by it.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn delete(&self, reference: &str) -> Result<(), ClientError> {
        self.client.delete(&collection().segment(reference))
    }
}

fn collection() -> Path {
    Path::new("trust")
}
