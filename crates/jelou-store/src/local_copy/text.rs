//! How fields of records are written in the JSON of a local copy.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

/// Writes a value as its text.
pub(crate) fn serialize<T: Display, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(D::Error::custom)
}

/// Writes and reads bytes as base64.
pub(crate) mod bytes {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(value))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(D::Error::custom)
    }
}

/// The hash of a token, as base64.
pub(crate) mod hash {
    use jelou_token::TokenHash;
    use serde::de::Error as _;
    use serde::{Deserializer, Serializer};

    use super::bytes;

    pub(crate) fn serialize<S: Serializer>(
        value: &TokenHash,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        bytes::serialize(value.as_bytes(), serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<TokenHash, D::Error> {
        let bytes = bytes::deserialize(deserializer)?.try_into();
        let bytes = bytes.map_err(|_| D::Error::custom("a hash has 32 bytes"))?;
        Ok(TokenHash::from_bytes(bytes))
    }
}
