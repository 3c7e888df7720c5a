//! Error responses.

use serde::{Deserialize, Serialize};

use crate::ErrorCode;

/// A problem document (RFC 9457), `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// A URI reference that names the kind of problem.
    pub r#type: String,
    pub title: String,
    /// The HTTP status code.
    pub status: u16,
    /// What went wrong, where, and which limit was exceeded.
    pub detail: String,
    pub code: ErrorCode,
    /// How to fix it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The id under which the server logged the request.
    #[serde(rename = "requestId", skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}
