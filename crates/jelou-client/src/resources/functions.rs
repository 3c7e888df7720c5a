//! Operations on functions.

use jelou_core::Slug;
use jelou_core::api::{CreateFunction, Function, List, TrafficReport};

use crate::path::Path;
use crate::{Client, ClientError};

impl Client {
    /// Returns the operations on functions.
    pub fn functions(&self) -> Functions<'_> {
        Functions { client: self }
    }
}

/// The operations on a server's functions.
#[derive(Debug)]
pub struct Functions<'a> {
    client: &'a Client,
}

impl Functions<'_> {
    /// Lists all functions, sorted by slug.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn list(&self) -> Result<Vec<Function>, ClientError> {
        let list: List<Function> = self.client.get(&Path::new("functions"))?;
        Ok(list.items)
    }

    /// Creates a function without a deployment.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn create(&self, function: &CreateFunction) -> Result<Function, ClientError> {
        self.client.post(&Path::new("functions"), function)
    }

    /// Returns one function.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn get(&self, slug: &Slug) -> Result<Function, ClientError> {
        self.client.get(&function(slug))
    }

    /// Returns the calls of a function in the last 24 hours, by hour.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn traffic(&self, slug: &Slug) -> Result<TrafficReport, ClientError> {
        self.client.get(&function(slug).segment("traffic"))
    }

    /// Deletes a function with its deployments, tokens and secrets.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn delete(&self, slug: &Slug) -> Result<(), ClientError> {
        self.client.delete(&function(slug))
    }
}

/// Returns the path of a function.
pub(super) fn function(slug: &Slug) -> Path {
    Path::new("functions").segment(slug.as_str())
}
