//! Operations on deployments of a function.

use jelou_core::api::{
    DeployRequest, DeployResult, Deployment, DeploymentDetails, DeploymentSource, List,
    PromoteRequest, RollbackRequest, RollbackResult, UpdateDeployment,
};
use jelou_core::{DeploymentId, Slug};

use super::functions::function;
use crate::path::Path;
use crate::{Client, ClientError};

impl Client {
    /// Returns the operations on a function's deployments.
    pub fn deployments(&self, slug: &Slug) -> Deployments<'_> {
        Deployments {
            client: self,
            slug: slug.clone(),
        }
    }
}

/// The operations on a function's deployments.
#[derive(Debug)]
pub struct Deployments<'a> {
    client: &'a Client,
    slug: Slug,
}

impl Deployments<'_> {
    /// Lists the deployments, newest first.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn list(&self) -> Result<Vec<Deployment>, ClientError> {
        let list: List<Deployment> = self.client.get(&self.collection())?;
        Ok(list.items)
    }

    /// Deploys an upload. Creates the function if it does not exist.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn create(&self, deploy: &DeployRequest) -> Result<DeployResult, ClientError> {
        let path = self.collection();
        self.client.post_unless_dry(deploy.dry_run, &path, deploy)
    }

    /// Returns one deployment.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn get(&self, id: &DeploymentId) -> Result<DeploymentDetails, ClientError> {
        self.client.get(&self.path_of(id))
    }

    /// Returns the files that were uploaded for a deployment.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn source(&self, id: &DeploymentId) -> Result<DeploymentSource, ClientError> {
        self.client.get(&self.path_of(id).segment("source"))
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
        self.client.patch(&self.path_of(id), &update)
    }

    /// Makes another deployment live: the requested deployment, or the healthy deployment that was live most recently.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn rollback(&self, request: &RollbackRequest) -> Result<RollbackResult, ClientError> {
        let path = function(&self.slug).segment("rollback");
        self.client.post_unless_dry(request.dry_run, &path, request)
    }

    /// Makes a deployment live, usually the deployment of a preview.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn promote(
        &self,
        id: &DeploymentId,
        request: &PromoteRequest,
    ) -> Result<RollbackResult, ClientError> {
        let path = self.path_of(id).segment("promote");
        self.client.post_unless_dry(request.dry_run, &path, request)
    }

    fn path_of(&self, id: &DeploymentId) -> Path {
        self.collection().segment(id.as_str())
    }

    fn collection(&self) -> Path {
        function(&self.slug).segment("deployments")
    }
}
