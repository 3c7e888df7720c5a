//! Macros for types that serde reads and writes as text.

/// Implements the conversions of `#[serde(try_from = "String", into = "String")]` with `FromStr` and `Display`.
macro_rules! written_as_text {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = <Self as std::str::FromStr>::Err;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    };
}

/// Implements `as_str`, `Display` and [`written_as_text`] for a newtype of `String` that has a `FromStr`.
macro_rules! text_newtype {
    ($name:ident) => {
        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        $crate::text::written_as_text!($name);
    };
}

pub(crate) use {text_newtype, written_as_text};
