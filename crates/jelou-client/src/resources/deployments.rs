use jelou_core::Slug;
use jelou_core::api::{DeployRequest, DeployResult, Deployment, List};

use super::functions::function;
use crate::path::Path;
use crate::{Client, ClientError};

impl Client {
    pub fn deployments(&self, slug: &Slug) -> Deployments<'_> {
        Deployments {
            client: self,
            path: function(slug).segment("deployments"),
        }
    }
}

#[derive(Debug)]
pub struct Deployments<'a> {
    client: &'a Client,
    path: Path,
}

impl Deployments<'_> {
    pub fn list(&self) -> Result<Vec<Deployment>, ClientError> {
        let list: List<Deployment> = self.client.get(&self.path)?;
        Ok(list.items)
    }

    /// Builds and makes live; the function is created when there is none of this slug.
    pub fn create(&self, deploy: &DeployRequest) -> Result<DeployResult, ClientError> {
        self.client.post(&self.path, deploy)
    }
}
