//! Errors of a call.

use jelou_core::ErrorCode;
use jelou_core::api::Problem;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server refused the call.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),

    /// No response: the server is down, its name does not resolve, its certificate is not trusted, or a timeout.
    #[error("cannot reach the server at {url}")]
    Network {
        url: String,
        #[source]
        source: Box<ureq::Error>,
    },

    /// A proxy in front of the server cannot reach it for now.
    #[error("the server at {url} is not available: it answered with status {status}")]
    Unavailable { url: String, status: u16 },

    /// The response is not of this API: the URL is most likely another service's.
    #[error("{url} is not the address of a jelou server: it answered with status {status}")]
    NotJelou { url: String, status: u16 },

    /// A response of this API that this version cannot read.
    #[error("cannot read the response of the server at {url}: {reason}")]
    Unreadable { url: String, reason: String },
}

impl ClientError {
    /// The code of the API's own error.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Problem(problem) => Some(problem.code),
            _ => None,
        }
    }

    /// Whether the server says that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(ErrorCode::NotFound)
    }
}
