//! The body of a deploy. A large upload is parsed while it arrives, so that its files are in memory, but not its JSON.

use std::io::{self, BufReader, Read};

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use futures_util::TryStreamExt;
use http::{StatusCode, header};
use jelou_core::ErrorCode;
use jelou_core::api::DeployRequest;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::app::App;
use super::extract::Json;
use super::nul;
use super::problem::ApiError;

/// Maximum bytes of an upload that is read completely before it is parsed.
const SMALL_BYTES: u64 = 1024 * 1024;

/// A deploy request. The permit must be kept until the files are no longer in memory.
pub(super) struct Upload {
    pub(super) request: DeployRequest,
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

impl FromRequest<App> for Upload {
    type Rejection = ApiError;

    async fn from_request(request: Request, control: &App) -> Result<Self, ApiError> {
        let budget = &control.uploads;
        let length = request
            .headers()
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length <= SMALL_BYTES) {
            let Json(request) = Json::with_any_text(request, control).await?;
            return Ok(Self {
                request: check_text(request)?,
                permit: None,
            });
        }
        check_content_type(&request)?;
        let most = budget.max_body_bytes();
        let bytes = length.unwrap_or(most);
        if bytes > most {
            return Err(too_large(most));
        }
        let permit = budget.acquire(bytes).await;
        Ok(Self {
            request: check_text(parse(request.into_body(), most).await?)?,
            permit,
        })
    }
}

/// Refuses U+0000 everywhere but in the content of files. Their paths have a stricter rule.
fn check_text(mut request: DeployRequest) -> Result<DeployRequest, ApiError> {
    let files = std::mem::take(&mut request.files);
    let rest = serde_json::to_value(&request).map_err(|error| malformed(error.to_string()))?;
    nul::check(&rest)?;
    Ok(DeployRequest { files, ..request })
}

fn check_content_type(request: &Request) -> Result<(), ApiError> {
    let is_json = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"));
    if is_json {
        Ok(())
    } else {
        Err(malformed(
            "Expected request with `Content-Type: application/json`",
        ))
    }
}

async fn parse(body: Body, most: u64) -> Result<DeployRequest, ApiError> {
    let stream = body.into_data_stream().map_err(io::Error::other);
    let bridge = SyncIoBridge::new(StreamReader::new(stream));
    let parsing = tokio::task::spawn_blocking(move || {
        // Reads one byte more, to detect a body that is too long.
        let mut reader = BufReader::with_capacity(64 * 1024, bridge).take(most + 1);
        let mut json = serde_json::Deserializer::from_reader(&mut reader);
        let parsed =
            DeployRequest::deserialize(&mut json).and_then(|request| json.end().map(|()| request));
        (parsed, reader.limit() == 0)
    });
    match parsing.await {
        Ok((_, true)) => Err(too_large(most)),
        Ok((Ok(request), false)) => Ok(request),
        Ok((Err(error), false)) if error.is_data() => Err(ApiError::invalid(format!(
            "Failed to deserialize the JSON body into the target type: {error}"
        ))),
        Ok((Err(error), false)) => Err(malformed(format!(
            "Failed to parse the request body as JSON: {error}"
        ))),
        Err(_) => Err(malformed("the request body could not be read")),
    }
}

fn malformed(detail: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, ErrorCode::ValidationError, detail)
}

fn too_large(most: u64) -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::ValidationError,
        format!(
            "the request is larger than {most} bytes, which is the most for the files of an upload and their JSON (limits.max_upload_bytes, a server setting)"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_is_parsed_while_it_arrives() {
        let files = r#"{"files":[{"path":"index.ts","content":"é"}]}"#;
        let chunks = files
            .as_bytes()
            .chunks(3)
            .map(|chunk| Ok::<_, io::Error>(chunk.to_vec()));
        let body = Body::from_stream(futures_util::stream::iter(chunks.collect::<Vec<_>>()));
        let request = parse(body, 1000).await.unwrap();
        assert_eq!(request.files[0].text(), Some("é"));

        for (json, most, status) in [
            (files, 20, StatusCode::PAYLOAD_TOO_LARGE),
            (&files[..20], 1000, StatusCode::BAD_REQUEST),
            ("{}", 1000, StatusCode::UNPROCESSABLE_ENTITY),
            ("{\"files\":[]} x", 1000, StatusCode::BAD_REQUEST),
        ] {
            let error = parse(Body::from(json.to_owned()), most).await.unwrap_err();
            assert_eq!(error.status(), status, "{json}");
        }
    }

    #[tokio::test]
    async fn only_a_file_may_contain_u_0000() {
        let parsed = |json: &'static str| async move {
            check_text(parse(Body::from(json), 1000).await.unwrap())
        };
        let file = r#"{"files":[{"path":"index.ts","content":"\u0000"}]}"#;
        let request = parsed(file).await.unwrap();
        assert_eq!(request.files[0].text(), Some("\0"));
        let message = r#"{"files":[],"message":"a\u0000"}"#;
        let error = parsed(message).await.unwrap_err();
        assert_eq!(error.status(), StatusCode::BAD_REQUEST);
        assert!(error.into_texts().0.contains("`message`"));
    }
}
