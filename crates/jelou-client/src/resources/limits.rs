//! Operations on limits of a function.

use jelou_core::Slug;
use jelou_core::api::{ChangeLimits, LimitInForce, List};

use super::functions::function;
use crate::{Client, ClientError};

impl Client {
    /// Returns the limits that apply to a function.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn limits(&self, slug: &Slug) -> Result<Vec<LimitInForce>, ClientError> {
        let list: List<LimitInForce> = self.get(&function(slug).segment("limits"))?;
        Ok(list.items)
    }

    /// Sets and removes limits of a function.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn change_limits(
        &self,
        slug: &Slug,
        change: &ChangeLimits,
    ) -> Result<Vec<LimitInForce>, ClientError> {
        let list: List<LimitInForce> = self.patch(&function(slug).segment("limits"), change)?;
        Ok(list.items)
    }
}
