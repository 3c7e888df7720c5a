//! The format of jelou's tokens, and every operation that needs no look-up.
//!
//! A token is `prefix + 32 random base62 characters + 6 characters of checksum`. The prefix names
//! the kind and lets a secret scanner find a leak; the checksum lets the gateway reject garbage
//! without a look-up. Security comes from the 190 random bits alone. With that much entropy, a plain
//! SHA-256 may be stored (OWASP ASVS 5.0, 6.5.2), and it is cheap enough for every request, unlike a
//! password hash.
//!
//! Whether a well-formed token exists, is active and authorises a request is decided elsewhere.
//! `VECTORS.md` in the folder of the crate has test vectors for other implementations.
//!
//! ```
//! use std::collections::HashMap;
//! use jelou_token::{RuntimeToken, TokenHash};
//!
//! let token = RuntimeToken::mint()?;
//! let mut functions: HashMap<TokenHash, &str> = HashMap::new();
//! functions.insert(token.hash(), "mi-funcion");
//!
//! let header = token.expose().as_bytes();
//! let function = RuntimeToken::hash_presented(header).and_then(|hash| functions.get(&hash));
//! assert_eq!(function, Some(&"mi-funcion"));
//! # Ok::<(), getrandom::Error>(())
//! ```
#![warn(missing_docs)]

mod display_prefix;
mod error;
mod format;
mod hash;
mod kind;
mod redact;
mod scan;
mod token;

pub use display_prefix::{DisplayPrefix, ParseDisplayPrefixError};
pub use error::ParseTokenError;
pub use hash::TokenHash;
pub use kind::{Access, Kind, Runtime};
pub use redact::{redact, redact_path, start_at_end};
pub use scan::{Found, scan};
pub use token::{AccessToken, RuntimeToken, Token};
