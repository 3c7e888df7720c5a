//! Deployments of a function.

use jelou_core::api::{
    DeployRequest, DeployResult, Deployment, DeploymentDetails, DeploymentSource, List,
    PromoteRequest, RollbackRequest, RollbackResult, UpdateDeployment,
};
use jelou_core::{DeploymentId, Slug};

use super::functions::function;
use crate::path::Path;
use crate::{Client, ClientError};

impl Client {
    /// The deployments of a function.
    pub fn deployments(&self, slug: &Slug) -> Deployments<'_> {
        Deployments {
            client: self,
            slug: slug.clone(),
        }
    }
}

/// The deployments of a function.
#[derive(Debug)]
pub struct Deployments<'a> {
    client: &'a Client,
    slug: Slug,
}

impl Deployments<'_> {
    /// The deployments, newest first.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn list(&self) -> Result<Vec<Deployment>, ClientError> {
        let list: List<Deployment> = self.client.get(&self.collection())?;
        Ok(list.items)
    }

    /// Deploys an upload; creates the function when it does not exist.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn create(&self, deploy: &DeployRequest) -> Result<DeployResult, ClientError> {
        self.client.post(&self.collection(), deploy)
    }

    /// One deployment.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn get(&self, id: &DeploymentId) -> Result<DeploymentDetails, ClientError> {
        self.client.get(&self.one(id))
    }

    /// The files that were uploaded for a deployment.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn source(&self, id: &DeploymentId) -> Result<DeploymentSource, ClientError> {
        self.client.get(&self.one(id).segment("source"))
    }

    /// Pins a deployment, so that later deploys do not delete it, or unpins it.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn set_pinned(
        &self,
        id: &DeploymentId,
        pinned: bool,
    ) -> Result<DeploymentDetails, ClientError> {
        let update = UpdateDeployment {
            pinned: Some(pinned),
        };
        self.client.patch(&self.one(id), &update)
    }

    /// Makes an earlier deployment live.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn rollback(&self, request: &RollbackRequest) -> Result<RollbackResult, ClientError> {
        let path = function(&self.slug).segment("rollback");
        self.client.post(&path, request)
    }

    /// Makes a deployment live, usually that of a preview.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn promote(
        &self,
        id: &DeploymentId,
        request: &PromoteRequest,
    ) -> Result<RollbackResult, ClientError> {
        self.client.post(&self.one(id).segment("promote"), request)
    }

    fn one(&self, id: &DeploymentId) -> Path {
        self.collection().segment(id.as_str())
    }

    fn collection(&self) -> Path {
        function(&self.slug).segment("deployments")
    }
}
