//! What a runtime token is limited to, beside its one function. It is set when the token is created and never changes.

mod cidr;
mod rate;
mod scope;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

pub use cidr::{Cidr, Cidrs, MAX_CIDRS, ParseCidrError};
pub use rate::{MAX_RATE_CALLS, ParseRateError, Rate, RatePeriod};
pub use scope::{MAX_RUNTIME_SCOPES, ParseRuntimeScopeError, RuntimeScope, RuntimeScopes};

/// The limits of a token; what is absent does not limit it.
// A limit of a later release is an error here, not one that is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenPolicy {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<RuntimeScopes>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidrs: Option<Cidrs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

impl TokenPolicy {
    /// Whether it limits nothing.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}

/// A list of limits that cannot be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyListError {
    /// It would read as "nothing is allowed" and could mean "everything is".
    #[error("an empty list of {what} allows nothing; leave it out for a token without that limit")]
    Empty { what: &'static str },
    #[error(
        "{count} {what} are too many; a token has at most {limit}, and further ones can go into another token"
    )]
    TooMany {
        what: &'static str,
        count: usize,
        limit: usize,
    },
}

/// A limit that is written as a text.
fn text_schema(description: &str, pattern: &str, example: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .pattern(Some(pattern))
        .examples([example])
        .into()
}

/// A set of one or more that was given as a list.
fn set<T: Ord>(
    what: &'static str,
    limit: usize,
    list: impl IntoIterator<Item = T>,
) -> Result<BTreeSet<T>, PolicyListError> {
    let set: BTreeSet<T> = list.into_iter().collect();
    match set.len() {
        0 => Err(PolicyListError::Empty { what }),
        count if count > limit => Err(PolicyListError::TooMany { what, count, limit }),
        _ => Ok(set),
    }
}
