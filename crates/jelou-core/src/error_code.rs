//! The stable error codes of the management API and of the command line's JSON.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A stable error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// The request has no valid credentials.
    AuthError,
    /// The credentials are valid, but lack the scope.
    Forbidden,
    NotFound,
    Conflict,
    /// The change would revoke the last active token of a function.
    LastToken,
    /// The request breaks a rule, which the message names.
    ValidationError,
    /// The command line has wrong arguments, or a prompt was not answered.
    InputError,
    /// The server failed.
    ApiError,
    /// The server could not be reached.
    NetworkError,
    /// The same request may succeed later.
    TransientError,
    UnknownError,
}

impl ErrorCode {
    /// Whether the same request may succeed later.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::NetworkError | Self::TransientError)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
