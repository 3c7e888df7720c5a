//! Identity tokens (OpenID Connect Core 1.0): verification of tokens of other issuers ([`verify`], [`keys`]), and this
//! server as an issuer for its functions ([`issuer`]).

mod issuer;
mod jwt;
mod keys;
mod verify;

pub(crate) use issuer::{IdentityIssuer, IssueError, MAX_AUDIENCE_BYTES, Subject};
pub(crate) use jwt::check_refused;
pub(crate) use keys::{IssuerKeys, is_allowed};
pub(crate) use verify::{Verified, VerifyError, unverified_issuer, verify};
