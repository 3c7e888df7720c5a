use jelou_core::Slug;
use jelou_core::api::{CreateFunction, Function, List};

use crate::path::Path;
use crate::{Client, ClientError};

impl Client {
    pub fn functions(&self) -> Functions<'_> {
        Functions { client: self }
    }
}

#[derive(Debug)]
pub struct Functions<'a> {
    client: &'a Client,
}

impl Functions<'_> {
    pub fn list(&self) -> Result<Vec<Function>, ClientError> {
        let list: List<Function> = self.client.get(&Path::new("functions"))?;
        Ok(list.items)
    }

    pub fn create(&self, function: &CreateFunction) -> Result<Function, ClientError> {
        self.client.post(&Path::new("functions"), function)
    }

    pub fn get(&self, slug: &Slug) -> Result<Function, ClientError> {
        self.client.get(&function(slug))
    }

    /// Takes its deployments, tokens and secrets along.
    pub fn delete(&self, slug: &Slug) -> Result<(), ClientError> {
        self.client.delete(&function(slug))
    }
}

/// The path that all of a function's resources are under.
pub(super) fn function(slug: &Slug) -> Path {
    Path::new("functions").segment(slug.as_str())
}
