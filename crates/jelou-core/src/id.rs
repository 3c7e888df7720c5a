//! Public ids: a prefix for the kind, then a lower-case ULID. An id stores its text inline, without an allocation,
//! because a registry may contain a million ids.

use std::fmt;
use std::str::FromStr;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use ulid::{Generator, Overflow, Ulid};

/// The error for a text that is not an id of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form `{prefix}` followed by 26 characters of a lower-case ULID")]
pub struct ParseIdError {
    prefix: &'static str,
}

/// Returns a ULID that is greater than all earlier ones of this process, even within the same millisecond.
fn next_ulid() -> Ulid {
    static GENERATOR: LazyLock<Mutex<Generator>> = LazyLock::new(Mutex::default);
    let mut generator = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    generator
        .generate()
        .unwrap_or_else(Overflow::commit_overflow_increment)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schema(value_type = String)]
        pub struct $name([u8; $prefix.len() + ulid::ULID_LEN]);

        impl $name {
            /// The prefix of the kind.
            pub const PREFIX: &'static str = $prefix;

            /// Generates an id. Ids of one process sort by their creation.
            pub fn generate() -> Self {
                Self::of(next_ulid())
            }

            fn of(ulid: Ulid) -> Self {
                let mut text = [0; $prefix.len() + ulid::ULID_LEN];
                let (prefix, rest) = text.split_at_mut($prefix.len());
                prefix.copy_from_slice($prefix.as_bytes());
                rest.copy_from_slice(ulid.to_string().to_ascii_lowercase().as_bytes());
                Self(text)
            }

            /// Returns the text of the id.
            pub fn as_str(&self) -> &str {
                // The bytes are always ASCII.
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
                // Crockford's base32 reads `I` and `L` as `1` and `O` as `0`, and ignores case. But an id has exactly
                // one spelling.
                if id.as_str() == text { Ok(id) } else { Err(error) }
            }
        }

        $crate::text::written_as_text!($name);
    };
}

id!(
    /// The id of a function. Unlike a slug, it is never reused.
    FunctionId,
    "func_"
);
id!(
    /// The id of a deployment.
    DeploymentId,
    "dep_"
);
id!(
    /// The id of a preview. It owns the preview's secrets and memory.
    PreviewId,
    "prv_"
);
id!(
    /// The id of a runtime token. It can be used to revoke the token, not to authenticate.
    TokenId,
    "tok_"
);
id!(
    /// The id of an access token. It can be used to revoke the token, not to authenticate.
    AccessTokenId,
    "pat_"
);
id!(
    /// The id of a trust policy.
    TrustId,
    "trust_"
);
id!(
    /// The id of a run of a schedule.
    RunId,
    "run_"
);
id!(
    /// The id of a server. It is stored in the server's data folder.
    NodeId,
    "node_"
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
