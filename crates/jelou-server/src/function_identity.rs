//! `ctx.identity`: answers requests of workers for a signed identity. They arrive through the egress sockets.
//!
//! A worker cannot choose the subject: its egress socket identifies the process, which belongs to one deployment.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use jelou_engine::Caller;
use serde::Deserialize;
use serde_json::json;

use crate::gateway::{GatewayBody, answer};
use crate::oidc::{IdentityIssuer, IssueError, MAX_AUDIENCE_BYTES, Subject};
use crate::registry::Registry;

/// Path of this API at the reserved host.
pub(crate) const PATH: &str = "/identity";
/// Bytes of a request with the longest audience: a JSON escape can need six bytes for one byte.
const MAX_BODY_BYTES: usize = 6 * MAX_AUDIENCE_BYTES + 64;

/// Answers the `ctx.identity` requests of all functions.
#[derive(Debug)]
pub(crate) struct FunctionIdentity {
    issuer: Arc<IdentityIssuer>,
    registry: Arc<Registry>,
}

/// An error response with a text for the function's author.
struct IdentityError(StatusCode, String);

#[derive(Deserialize)]
struct Asked {
    audience: String,
}

impl FunctionIdentity {
    pub(crate) fn new(issuer: Arc<IdentityIssuer>, registry: Arc<Registry>) -> Self {
        Self { issuer, registry }
    }

    /// Answers a worker's request. `parent` is the id of the request that the worker handles.
    pub(crate) async fn answer(
        &self,
        worker: &Caller,
        parent: Option<&str>,
        request: Request<Incoming>,
    ) -> Response<GatewayBody> {
        let (status, body) = match self.issue(worker, parent, request).await {
            Ok(token) => (StatusCode::OK, json!({ "token": token })),
            Err(IdentityError(status, text)) => (status, json!({ "error": text })),
        };
        answer::json(status, Bytes::from(body.to_string()))
    }

    async fn issue(
        &self,
        worker: &Caller,
        parent: Option<&str>,
        request: Request<Incoming>,
    ) -> Result<String, IdentityError> {
        if *request.method() != Method::POST {
            return Err(IdentityError(
                StatusCode::METHOD_NOT_ALLOWED,
                "POST".to_owned(),
            ));
        }
        if !parent.is_some_and(|parent| worker.is_handling(parent)) {
            let text = "the request is over: await ctx.identity before you return the result";
            return Err(IdentityError(StatusCode::CONFLICT, text.to_owned()));
        }
        let mut body = request.into_body();
        let Ok(read) = Limited::new(&mut body, MAX_BODY_BYTES).collect().await else {
            jelou_engine::discard(body);
            let text = format!("the audience is over {MAX_AUDIENCE_BYTES} bytes");
            return Err(IdentityError(StatusCode::PAYLOAD_TOO_LARGE, text));
        };
        let asked: Asked = serde_json::from_slice(&read.to_bytes())
            .map_err(|error| IdentityError(StatusCode::BAD_REQUEST, error.to_string()))?;
        let preview = match &worker.preview {
            None => None,
            Some(id) => {
                let owner = self.registry.owner(worker.function.as_str(), Some(id));
                let name =
                    owner.and_then(|owner| owner.preview.as_ref().map(|one| one.name.clone()));
                let gone =
                    || IdentityError(StatusCode::CONFLICT, "the preview was deleted".to_owned());
                Some(name.ok_or_else(gone)?)
            }
        };
        let subject = Subject {
            function: &worker.function,
            function_id: &worker.function_id,
            deployment: &worker.deployment,
            preview: preview.as_ref(),
        };
        let signed = self.issuer.sign(&subject, &asked.audience).await;
        signed.map_err(|error| error_of(&error))
    }
}

fn error_of(error: &IssueError) -> IdentityError {
    let status = match error {
        IssueError::NoAudience | IssueError::LongAudience(_) => StatusCode::BAD_REQUEST,
        IssueError::NoPublicUrl => StatusCode::NOT_IMPLEMENTED,
        IssueError::Store(_) | IssueError::Random | IssueError::Key => {
            tracing::error!(error = error as &dyn std::error::Error, "ctx.identity");
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    IdentityError(status, error.to_string())
}
