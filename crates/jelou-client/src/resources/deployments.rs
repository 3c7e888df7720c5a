//! Deployments of a function.

use jelou_core::Slug;
use jelou_core::api::{DeployRequest, DeployResult, Deployment, List};

use super::functions::function;
use crate::path::Path;
use crate::{Client, ClientError};

impl Client {
    /// The deployments of a function.
    pub fn deployments(&self, slug: &Slug) -> Deployments<'_> {
        Deployments {
            client: self,
            path: function(slug).segment("deployments"),
        }
    }
}

/// The deployments of a function.
#[derive(Debug)]
pub struct Deployments<'a> {
    client: &'a Client,
    path: Path,
}

impl Deployments<'_> {
    /// The deployments, newest first.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn list(&self) -> Result<Vec<Deployment>, ClientError> {
        let list: List<Deployment> = self.client.get(&self.path)?;
        Ok(list.items)
    }

    /// Deploys an upload; creates the function when it does not exist.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn create(&self, deploy: &DeployRequest) -> Result<DeployResult, ClientError> {
        self.client.post(&self.path, deploy)
    }
}
