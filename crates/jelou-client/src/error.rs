//! What can go wrong between the command line and the server.

use jelou_core::ErrorCode;
use jelou_core::api::Problem;

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The API's own error.
    #[error("{}", .0.detail)]
    Problem(Box<Problem>),

    /// No answer: the server is down, its name unknown, its certificate not trusted, or it took too long.
    #[error("cannot reach the server at {url}")]
    Network {
        url: String,
        #[source]
        source: Box<ureq::Error>,
    },

    /// Something before the server, such as a proxy, says that it is away for now.
    #[error("the server at {url} is not available: it answered with status {status}")]
    Unavailable { url: String, status: u16 },

    /// An answer that is not this API's: most likely the URL is another service's.
    #[error("{url} is not the address of a jelou server: it answered with status {status}")]
    NotJelou { url: String, status: u16 },

    /// An answer of this API that this version cannot read.
    #[error("the answer of the server at {url} is not understood: {reason}")]
    Unreadable { url: String, reason: String },
}

impl ClientError {
    /// Whether the server says that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Problem(problem) if problem.code == ErrorCode::NotFound)
    }
}
