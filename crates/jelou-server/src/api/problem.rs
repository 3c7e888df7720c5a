//! Turns errors into problem documents (RFC 9457). The caller gets one text. The log gets another text, with the cause.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, HeaderValue};
use jelou_core::ErrorCode;
use jelou_core::api::Problem;
use jelou_engine::build::BuildError;
use jelou_engine::{ArtifactError, LeaseError, LoadError};
use jelou_store::{DatabaseError, Resource, StoreError, VaultError};
use uuid::Uuid;

use super::nul;
use super::refusals::RefusedRequest;
use crate::control::ControlError;

#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: ErrorCode,
    detail: String,
    hint: Option<String>,
}

impl ApiError {
    /// The texts may quote the request. Tokens in them are masked, because somebody may have put a token in the wrong
    /// place.
    pub(crate) fn new(status: StatusCode, code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: jelou_token::redact(&detail.into()).into_owned(),
            hint: None,
        }
    }

    /// Returns the description of the error, and a hint about what to do.
    pub(crate) fn into_texts(self) -> (String, Option<String>) {
        (self.detail, self.hint)
    }

    /// Whether the cause is only in the log.
    pub(crate) fn is_internal(&self) -> bool {
        self.status == StatusCode::INTERNAL_SERVER_ERROR
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(jelou_token::redact(&hint.into()).into_owned());
        self
    }

    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, ErrorCode::AuthError, detail)
    }

    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, detail)
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            ErrorCode::ValidationError,
            detail,
        )
    }

    /// Another service gave no usable response.
    pub(crate) fn bad_gateway(detail: String) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, ErrorCode::ApiError, detail)
    }

    pub(crate) fn no_such_route() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            ErrorCode::NotFound,
            "there is no such route in the management API",
        )
        .hint("GET /v1/openapi.json lists them; functions answer below the functions domain, and on a loopback address at /fn/<slug>/")
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            ErrorCode::ValidationError,
            "the route does not take this method",
        )
    }

    pub(crate) fn unreadable_log() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::ApiError,
            "the log of the function cannot be read; the log of the server has the cause",
        )
    }

    pub(super) fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "internal error of the management API");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::ApiError,
            "internal error; the log of the server has the cause",
        )
    }

    fn disk_full() -> Self {
        Self::new(
            StatusCode::INSUFFICIENT_STORAGE,
            ErrorCode::ApiError,
            "the disk of the server is full; nothing was changed",
        )
        .hint("free space on the disk of the data folder and try again")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = Problem {
            r#type: "about:blank".to_owned(),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
            code: self.code,
            hint: self.hint,
            request_id: Some(Uuid::new_v4().to_string()),
        };
        if self.status.is_server_error() {
            tracing::warn!(
                request_id = problem.request_id,
                detail = problem.detail,
                "the management API answered with an error"
            );
        }
        let refusal = RefusedRequest {
            code: problem.code,
            detail: problem.detail.clone(),
            request_id: problem.request_id.clone(),
        };
        let mut response = (self.status, axum::Json(problem)).into_response();
        response.extensions_mut().insert(refusal);
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<ControlError> for ApiError {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::Store(error) => error.into(),
            ControlError::Source(error) => Self::invalid(error.to_string()),
            ControlError::AddressTaken { hint, .. } => {
                Self::new(StatusCode::CONFLICT, ErrorCode::Conflict, error.to_string()).hint(hint)
            }
            ControlError::Invalid { detail, hint } => Self::invalid(detail).hint(hint),
            // The machine is too busy or has too little memory now.
            ControlError::Build(BuildError::Load(LoadError::NotReady(_)))
            | ControlError::Lease(
                LeaseError::NoRoom { .. }
                | LeaseError::BackingOff { .. }
                | LeaseError::Process(LoadError::NotReady(_)),
            ) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::TransientError,
                error.to_string(),
            )
            .hint("nothing was changed; try again in a moment"),
            ControlError::Rejected(detail) => {
                Self::invalid(detail).hint("nothing was changed: the live deployment stays")
            }
            ControlError::Schedules(detail) => Self::invalid(detail)
                .hint("nothing was changed; docs/schedules.md has the fields of an expression"),
            ControlError::Breaking(_) => {
                Self::new(StatusCode::CONFLICT, ErrorCode::Conflict, error.to_string()).hint(
                    "keep what callers use, or deploy without `--strict`; nothing was changed",
                )
            }
            ControlError::UnknownUse { .. } => {
                Self::new(StatusCode::CONFLICT, ErrorCode::Conflict, error.to_string()).hint(
                    "try again when the server answers, or a minute after it has stopped; if nobody needs the old value any \
                     more, end it first (`rotate ... --finish`), and the newest one is kept; nothing was changed",
                )
            }
            ControlError::CreationDisabled(_) => Self::forbidden(error.to_string())
                .hint("ask the operator of the server; nothing was changed"),
            ControlError::TokenRule(detail) => Self::invalid(detail)
                .hint("the operator of the server sets this rule; nothing was changed"),
            ControlError::Clashes(_) => Self::new(
                StatusCode::CONFLICT,
                ErrorCode::Conflict,
                error.to_string(),
            )
            .hint(
                "`--replace` revokes the tokens that have the same names; `--dry-run` shows every token",
            ),
            ControlError::Overtaken(_) => {
                Self::new(StatusCode::CONFLICT, ErrorCode::Conflict, error.to_string())
                    .hint("check what is live, and run the command again")
            }
            ControlError::Build(error) if error.is_upload_fault() => {
                let detail = match error.stack() {
                    Some(stack) if stack.contains(&error.to_string()) => stack.to_owned(),
                    Some(stack) => format!("{error}\n{stack}"),
                    None => error.to_string(),
                };
                Self::invalid(detail)
            }
            ControlError::Build(BuildError::Io(error))
            | ControlError::Artifact(ArtifactError::Io(error))
                if error.kind() == std::io::ErrorKind::StorageFull =>
            {
                Self::disk_full()
            }
            other => Self::internal(&other),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        match error {
            StoreError::NotFound { kind, .. } => {
                let problem = Self::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, text);
                match kind {
                    Resource::Function => {
                        problem.hint("`jelou functions list` shows the functions")
                    }
                    Resource::Deployment => problem.hint(
                        "`jelou deployments list` shows the deployments that can be restored",
                    ),
                    Resource::Preview => problem.hint("`jelou previews list` shows the previews"),
                    Resource::Schedule => problem.hint("`jelou cron list` shows the schedules"),
                    Resource::RuntimeToken => problem.hint("`jelou tokens list` shows the tokens"),
                    Resource::EgressRule => problem.hint("`jelou egress list` shows the rules"),
                    Resource::TrustPolicy => problem.hint("`jelou trust list` shows the policies"),
                    Resource::Limit => problem.hint("`jelou limits show` shows the limits"),
                    _ => problem,
                }
            }
            StoreError::Conflict { .. }
            | StoreError::LastAdministrator { .. }
            | StoreError::Vault(VaultError::NoKeyFile | VaultError::SharedKey) => {
                Self::new(StatusCode::CONFLICT, ErrorCode::Conflict, text)
            }
            StoreError::LastToken { .. } => {
                Self::new(StatusCode::CONFLICT, ErrorCode::LastToken, text)
                    .hint("create another token first, or use --force in an emergency")
            }
            StoreError::TooManySecrets { .. } | StoreError::SecretTooLarge { .. } => {
                Self::invalid(text)
            }
            StoreError::Database(DatabaseError::Unavailable(source)) => {
                tracing::warn!(?source, "the database is not available");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    ErrorCode::TransientError,
                    "the database is not available; calls of functions continue",
                )
                .hint("try again in a moment")
            }
            StoreError::Database(DatabaseError::DiskFull(_)) => Self::disk_full(),
            StoreError::Database(DatabaseError::Text(_)) => nul::refusal("the request"),
            other => {
                let mut text = other.to_string();
                let mut source = std::error::Error::source(&other);
                while let Some(cause) = source {
                    text = format!("{text}: {cause}");
                    source = cause.source();
                }
                Self::internal(&text)
            }
        }
    }
}
