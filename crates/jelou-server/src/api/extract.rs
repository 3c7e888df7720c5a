//! Extractors whose errors are problem documents.

use std::fmt::Display;

use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, RawPathParams, Request};
use http::StatusCode;
use http::request::Parts;
use jelou_core::{ErrorCode, Slug};
use serde::de::DeserializeOwned;

use super::MAX_BODY_BYTES;
use super::app::App;
use super::nul;
use super::problem::ApiError;

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, control: &App) -> Result<Self, ApiError> {
        let (head, body) = request.into_parts();
        let whole = Request::from_parts(head.clone(), body);
        let Bytes(body) = Bytes::from_request(whole, control).await?;
        nul::check_json(&body)?;
        let request = Request::from_parts(head, Body::from(body));
        Self::with_any_text(request, control).await
    }
}

impl<T: DeserializeOwned> Json<T> {
    /// Like [`FromRequest::from_request`], but accepts U+0000, because the files of an upload may contain it.
    pub(super) async fn with_any_text(request: Request, control: &App) -> Result<Self, ApiError> {
        match axum::Json::<T>::from_request(request, control).await {
            Ok(axum::Json(body)) => Ok(Self(body)),
            Err(JsonRejection::JsonDataError(error)) => {
                Err(ApiError::invalid(readable(&error.body_text())))
            }
            Err(other) if other.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(too_large()),
            Err(other) => Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                ErrorCode::ValidationError,
                readable(&other.body_text()),
            )),
        }
    }
}

/// A body of any type.
pub(crate) struct Bytes(pub(crate) bytes::Bytes);

impl FromRequest<App> for Bytes {
    type Rejection = ApiError;

    async fn from_request(request: Request, control: &App) -> Result<Self, ApiError> {
        match bytes::Bytes::from_request(request, control).await {
            Ok(body) => Ok(Self(body)),
            Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(too_large()),
            Err(error) => Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                ErrorCode::ValidationError,
                error.body_text(),
            )),
        }
    }
}

fn too_large() -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::ValidationError,
        format!("the body is over {MAX_BODY_BYTES} bytes, the limit of this route"),
    )
}

/// Removes the part of a message that names functions of a library.
fn readable(text: &str) -> &str {
    const PREFIXES: [&str; 3] = [
        "Failed to deserialize the JSON body into the target type: ",
        "Failed to deserialize query string: ",
        "Failed to deserialize query string into the target type: ",
    ];
    PREFIXES
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
        .unwrap_or(text)
}

/// The query string.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, control: &App) -> Result<Self, ApiError> {
        match axum::extract::Query::<T>::from_request_parts(parts, control).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(error) => Err(ApiError::invalid(readable(&error.body_text()))),
        }
    }
}

/// The slug in a path.
pub(crate) struct SlugPath(pub(crate) Slug);

impl FromRequestParts<App> for SlugPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, control: &App) -> Result<Self, ApiError> {
        let Path(slug) = path::<String>(parts, control).await?;
        parse_slug(&slug).map(Self)
    }
}

/// The slug in a path, and the name of a resource of the function.
pub(crate) struct SlugAndName(pub(crate) Slug, pub(crate) String);

impl FromRequestParts<App> for SlugAndName {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, control: &App) -> Result<Self, ApiError> {
        let Path((slug, name)) = path::<(String, String)>(parts, control).await?;
        Ok(Self(parse_slug(&slug)?, name))
    }
}

/// The slug in a path, the name of a resource of the function, and a key in the resource.
pub(crate) struct SlugNameAndKey(pub(crate) Slug, pub(crate) String, pub(crate) String);

impl FromRequestParts<App> for SlugNameAndKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, control: &App) -> Result<Self, ApiError> {
        let Path((slug, name, key)) = path::<(String, String, String)>(parts, control).await?;
        Ok(Self(parse_slug(&slug)?, name, key))
    }
}

/// Returns the slug in a path that may have more parameters.
pub(super) async fn slug(parts: &mut Parts, control: &App) -> Result<Slug, ApiError> {
    let params = RawPathParams::from_request_parts(parts, control)
        .await
        .map_err(|error| ApiError::invalid(error.body_text()))?;
    let slug = params.iter().find(|(name, _)| *name == "slug");
    parse_slug(slug.map_or("", |(_, slug)| slug))
}

async fn path<T: DeserializeOwned + Send>(
    parts: &mut Parts,
    control: &App,
) -> Result<Path<T>, ApiError> {
    Path::from_request_parts(parts, control)
        .await
        .map_err(|error| ApiError::invalid(error.body_text()))
}

fn parse_slug(slug: &str) -> Result<Slug, ApiError> {
    slug.parse().map_err(|error| {
        ApiError::invalid(format!("`{}` is not a slug: {error}", slug.escape_debug()))
            .hint("for example mi-funcion")
    })
}

/// Returns the value of a parameter that must be 1 to `limit`.
pub(super) fn at_most<T>(name: &str, value: T, limit: T) -> Result<T, ApiError>
where
    T: Copy + PartialOrd + From<u8> + Display,
{
    if (T::from(1)..=limit).contains(&value) {
        Ok(value)
    } else {
        Err(ApiError::invalid(format!(
            "`{name}` is {value}; it must be 1 to {limit}"
        )))
    }
}
