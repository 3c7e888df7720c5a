//! Operations on egress rules of a function.

use jelou_core::Slug;
use jelou_core::api::{ChangeEgress, EgressRules};

use super::functions::function;
use crate::{Client, ClientError};

impl Client {
    /// Returns the egress rules of a function.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn egress_rules(&self, slug: &Slug) -> Result<EgressRules, ClientError> {
        self.get(&function(slug).segment("egress"))
    }

    /// Adds and removes egress rules of a function.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn change_egress(
        &self,
        slug: &Slug,
        change: &ChangeEgress,
    ) -> Result<EgressRules, ClientError> {
        self.patch(&function(slug).segment("egress"), change)
    }
}
