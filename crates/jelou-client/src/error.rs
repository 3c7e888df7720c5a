//! The errors of requests to the management API.

use jelou_core::ErrorCode;
use jelou_core::api::Problem;

/// The reason why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server refused the request.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),

    /// There was no response: the server is down, its name does not resolve, its certificate is not trusted, or the
    /// request timed out.
    #[error("cannot reach the server at {url}")]
    Network {
        url: String,
        #[source]
        source: Box<ureq::Error>,
    },

    /// The server does not exchange the identity token (RFC 6749, section 5.2).
    #[error("{0}")]
    Exchange(String),

    /// A proxy in front of the server cannot reach the server at the moment, or limits requests.
    #[error("the server at {url} is not available: it answered with status {status}")]
    Unavailable { url: String, status: u16 },

    /// The response does not come from this API. The URL probably belongs to another service.
    #[error("{url} is not the address of a jelou server: it answered with status {status}")]
    NotJelou { url: String, status: u16 },

    /// This version of the client cannot read a response of the API.
    #[error("cannot read the response of the server at {url}: {reason}")]
    Unreadable { url: String, reason: String },
}

impl ClientError {
    /// Returns the error code of the API, if the server refused the request.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Problem(problem) => Some(problem.code),
            _ => None,
        }
    }

    /// Whether the server reported that the resource does not exist.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(ErrorCode::NotFound)
    }
}
