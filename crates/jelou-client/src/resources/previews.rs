//! Operations on previews of a function.

use jelou_core::api::{List, OpenPreview, Preview};
use jelou_core::{PreviewName, Slug};

use super::functions::function;
use crate::path::Path;
use crate::{Client, ClientError};

impl Client {
    /// Returns the operations on a function's previews.
    pub fn previews(&self, slug: &Slug) -> Previews<'_> {
        Previews {
            client: self,
            slug: slug.clone(),
        }
    }
}

/// The operations on a function's previews.
#[derive(Debug)]
pub struct Previews<'a> {
    client: &'a Client,
    slug: Slug,
}

impl Previews<'_> {
    /// Lists the unexpired previews, sorted by name.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn list(&self) -> Result<Vec<Preview>, ClientError> {
        let list: List<Preview> = self.client.get(&self.collection())?;
        Ok(list.items)
    }

    /// Creates a preview without a deployment.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn create(&self, open: &OpenPreview) -> Result<Preview, ClientError> {
        self.client.post(&self.collection(), open)
    }

    /// Deletes a preview with its secrets and its memory.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn delete(&self, name: &PreviewName) -> Result<(), ClientError> {
        self.client
            .delete(&self.collection().segment(name.as_str()))
    }

    fn collection(&self) -> Path {
        function(&self.slug).segment("previews")
    }
}
