//! The limits of a runtime token, in addition to its function.

mod cidr;
mod method;
mod quota;
mod rate;
mod scope;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

pub use cidr::{Cidr, Cidrs, MAX_CIDRS, ParseCidrError};
pub use method::{HttpMethod, HttpMethods, ParseMethodError};
pub use quota::{Calendar, MAX_QUOTA_CALLS, ParseQuotaError, Quota, QuotaPeriod};
pub use rate::{MAX_RATE_CALLS, ParseRateError, Rate, RatePeriod};
pub use scope::{MAX_RUNTIME_SCOPES, ParseRuntimeScopeError, RuntimeScope, RuntimeScopes};

/// The limits of a token. An absent field means no limit. Unknown fields are an error, so that an older version does
/// not ignore a limit that a newer version has stored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenPolicy {
    /// The parts of the function that the token may use. When absent: all parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<RuntimeScopes>,
    /// The networks from which the token may be used. When absent: any network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidrs: Option<Cidrs>,
    /// The HTTP methods that the token may use. When absent: any method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub methods: Option<HttpMethods>,
    /// Maximum number of calls in a short time. When absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Maximum number of calls in a calendar day or month. When absent: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
}

impl TokenPolicy {
    /// Whether there is no limit.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}

/// The error for a limit with an empty or too long list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyListError {
    /// An empty list is ambiguous: it could mean "nothing" or "everything".
    #[error("an empty list of {what} allows nothing; leave it out for a token without that limit")]
    Empty { what: &'static str },
    #[error(
        "{count} {what} are too many; a token has at most {limit}; use a second token for the rest"
    )]
    TooMany {
        what: &'static str,
        count: usize,
        limit: usize,
    },
}

/// Returns the schema of a value that is written as text.
pub(crate) fn text_schema(description: &str, pattern: &str, example: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .pattern(Some(pattern))
        .examples([example])
        .into()
}

/// Converts a list to a set of 1 to `limit` values.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Whether a valid text, once parsed and displayed, parses to an equal value. `true` for an invalid text.
    fn is_stable<T>(text: &str) -> bool
    where
        T: std::str::FromStr + ToString + PartialEq,
    {
        match text.parse::<T>() {
            Ok(read) => read
                .to_string()
                .parse::<T>()
                .is_ok_and(|again| again == read),
            Err(_) => true,
        }
    }

    proptest! {
        #[test]
        fn displayed_limits_parse_to_equal_limits(
            scope in "(invoke|mcp|tool:[a-zA-Z0-9_-]{0,66}|\\PC{0,8})",
            rate in "[0-9]{0,8}/?[smhdx]?",
            quota in "[0-9]{0,11}/?(day|month|week)?(@(UTC|America/Guayaquil|europe/madrid|x))?",
            address in any::<std::net::IpAddr>(),
            bits in 0_u8..=128,
        ) {
            prop_assert!(is_stable::<RuntimeScope>(&scope));
            prop_assert!(is_stable::<Rate>(&rate));
            prop_assert!(is_stable::<Quota>(&quota));
            // The suggestions of the error are accepted.
            let network = format!("{address}/{bits}");
            match network.parse::<Cidr>() {
                Err(ParseCidrError::HostBits { network, address, .. }) => {
                    prop_assert!(network.to_string().parse::<Cidr>().is_ok());
                    prop_assert!(address.to_string().parse::<Cidr>().is_ok());
                }
                _ => prop_assert!(is_stable::<Cidr>(&network)),
            }
        }
    }

    #[test]
    fn absent_limits_are_not_stored() {
        let policy = TokenPolicy {
            cidrs: Some(vec!["10.0.0.0/8".parse().unwrap()].try_into().unwrap()),
            rate: Some("5/s".parse().unwrap()),
            ..TokenPolicy::default()
        };
        let json = serde_json::to_string(&policy).unwrap();
        assert_eq!(json, r#"{"cidrs":["10.0.0.0/8"],"rate":"5/s"}"#);
        assert_eq!(serde_json::from_str::<TokenPolicy>(&json).unwrap(), policy);
        assert!(serde_json::from_str::<TokenPolicy>(r#"{"hours":"9-17"}"#).is_err());
        assert!(TokenPolicy::default().is_unlimited() && !policy.is_unlimited());
    }
}
