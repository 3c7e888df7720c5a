//! Answers requests for the documents of a deployment. Needs neither a token nor a process.

use http::{HeaderValue, Method, Response, StatusCode};

use super::GatewayBody;
use super::answer::{self, Answer};
use super::reserved::Reserved;
use crate::registry::Live;

pub(crate) fn answer(
    method: &Method,
    reserved: Option<Reserved>,
    live: &Live,
) -> Option<Response<GatewayBody>> {
    let document = match reserved? {
        Reserved::Health => &live.documents.health,
        Reserved::OpenApi => &live.documents.openapi,
        Reserved::Mcp | Reserved::Token => return None,
    };
    let allow = HeaderValue::from_static("GET, HEAD, OPTIONS");
    Some(match *method {
        Method::GET | Method::HEAD => answer::json(StatusCode::OK, document.clone()),
        Method::OPTIONS => answer::options(allow),
        _ => Answer::MethodNotAllowed { allow }.into(),
    })
}
