//! The result of `jelou tokens create` and `jelou tokens rotate`: a new value and its token.

use std::io;

use jelou_core::api::{CreatedToken, RuntimeTokenInfo};
use serde::Serialize;

use crate::new_token::{Delivered, Order};
use crate::output::Human;

#[derive(Serialize)]
pub(super) struct NewValue<'a> {
    #[serde(flatten)]
    value: &'a Delivered,
    #[serde(flatten)]
    details: &'a RuntimeTokenInfo,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'a [String],
}

impl<'a> NewValue<'a> {
    pub(super) fn new(created: &'a CreatedToken, value: &'a Delivered) -> Self {
        Self {
            value,
            details: &created.details,
            warnings: &created.warnings,
        }
    }

    /// Shows the result: what was `done`, the value, the `facts` about the token, and the warnings.
    pub(super) fn show(
        &self,
        human: &mut Human,
        done: &str,
        facts: impl FnOnce(&mut Human, &RuntimeTokenInfo) -> io::Result<()>,
    ) -> io::Result<()> {
        human.success(&format!("{done} token \"{}\"", self.details.name))?;
        self.value.show(
            human,
            Order::TokenFirst,
            "Save this token now — it will not be shown again.",
        )?;
        facts(human, self.details)?;
        self.warnings
            .iter()
            .try_for_each(|warning| human.warning(warning))
    }
}
