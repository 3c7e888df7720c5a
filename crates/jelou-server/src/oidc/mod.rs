//! Identity tokens of other issuers (OpenID Connect Core 1.0): keys of the issuers, and verification of the tokens.

mod jwt;
mod keys;
mod verify;

pub(crate) use keys::{IssuerKeys, is_allowed};
pub(crate) use verify::{Refusal, Verified, unverified_issuer, verify};
