//! The stable codes of errors: in the management API's problem documents and in the command line's JSON.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// No valid credentials.
    AuthError,
    /// Valid credentials without the right.
    Forbidden,
    NotFound,
    Conflict,
    /// The last active token of a function would go.
    LastToken,
    /// The request's content breaks a rule; the message names it.
    ValidationError,
    /// The command line lacks an answer or was called wrongly.
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
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::NetworkError | Self::TransientError)
    }
}
