//! Identity tokens of other issuers (OpenID Connect Core 1.0): their keys, and their verification.

mod jwt;
mod keys;
mod verify;

pub(crate) use keys::{IssuerKeys, is_allowed};
pub(crate) use verify::{Refusal, Verified, unverified_issuer, verify};
