//! Finds a token by its id, name or display prefix.

use jelou_core::TokenName;
use jelou_token::DisplayPrefix;

use crate::error::{Resource, StoreError};

pub(crate) trait Candidate {
    fn id(&self) -> &str;
    fn name(&self) -> &TokenName;
    fn prefix(&self) -> DisplayPrefix;
}

/// Returns the display prefix that `reference` may be. It may end with dots, as in a list of tokens.
pub(crate) fn prefix(reference: &str) -> &str {
    reference.trim_end_matches('.')
}

/// Returns the candidate that `reference` names. Ids and names are unique; prefixes may be ambiguous.
pub(crate) fn resolve<T: Candidate>(
    mut candidates: Vec<T>,
    reference: &str,
    kind: Resource,
) -> Result<T, StoreError> {
    let exact = candidates
        .iter()
        .position(|token| token.id() == reference)
        .or_else(|| {
            candidates
                .iter()
                .position(|token| token.name().as_str() == reference)
        });
    if let Some(position) = exact {
        return Ok(candidates.swap_remove(position));
    }
    let prefix = prefix(reference);
    candidates.retain(|token| token.prefix().as_str() == prefix);
    match candidates.len() {
        0 => Err(StoreError::not_found(kind, reference)),
        1 => Ok(candidates.swap_remove(0)),
        count => {
            let named: Vec<String> = candidates
                .iter()
                .map(|token| format!("{} ({})", token.id(), token.name()))
                .collect();
            Err(StoreError::conflict(format!(
                "`{prefix}` is the start of {count} tokens: {}",
                named.join(", ")
            )))
        }
    }
}
