//! Public ids: a prefix that names the kind, then a lower-case ULID. They are kept as they are written, in place and
//! without an allocation: there may be a million of them in memory.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ulid::Ulid;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form `{prefix}` followed by 26 characters of a lower-case ULID")]
pub struct ParseIdError {
    prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schema(value_type = String)]
        pub struct $name([u8; $prefix.len() + ulid::ULID_LEN]);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            /// A fresh id; ids sort by the time of their creation.
            pub fn generate() -> Self {
                Self::of(Ulid::generate())
            }

            fn of(ulid: Ulid) -> Self {
                let mut text = [0; $prefix.len() + ulid::ULID_LEN];
                let (prefix, rest) = text.split_at_mut($prefix.len());
                prefix.copy_from_slice($prefix.as_bytes());
                rest.copy_from_slice(ulid.to_string().to_ascii_lowercase().as_bytes());
                Self(text)
            }

            pub fn as_str(&self) -> &str {
                // It was made of ASCII.
                std::str::from_utf8(&self.0).unwrap_or_default()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.as_str()).finish()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let error = ParseIdError { prefix: $prefix };
                let ulid = text.strip_prefix($prefix).ok_or(error)?;
                let id = Self::of(Ulid::from_string(ulid).map_err(|_| error)?);
                // Other letters are read as some of these, and upper case as lower.
                if id.as_str() == text { Ok(id) } else { Err(error) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseIdError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.as_str().to_owned()
            }
        }
    };
}

id!(
    /// Names a function for life, whatever happens to its slug.
    FunctionId,
    "func_"
);
id!(
    /// Names one immutable build of a function.
    DeploymentId,
    "dep_"
);
id!(
    /// Names a runtime token; it can revoke the token but cannot authenticate.
    TokenId,
    "tok_"
);
id!(
    /// Names an access token; it can revoke the token but cannot authenticate.
    AccessTokenId,
    "pat_"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_ids_parse_back() {
        let id = FunctionId::generate();
        assert_eq!(id.as_str().parse::<FunctionId>().unwrap(), id);
        assert_eq!(id.to_string(), id.as_str());
        assert!(format!("{id:?}").contains(id.as_str()));
    }

    #[test]
    fn another_kind_is_refused() {
        let id = TokenId::generate();
        assert!(id.as_str().parse::<FunctionId>().is_err());
        assert!(id.as_str().to_uppercase().parse::<TokenId>().is_err());
        assert!("tok_".parse::<TokenId>().is_err());
    }
}
