//! Why a project cannot be served, and the place in its files.

use http::HeaderValue;
use jelou_core::SourceTree;

use crate::api::ApiError;
use crate::control::ControlError;
use crate::gateway::Place;

/// Why a project cannot be built or started.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ReloadError {
    pub message: String,
    pub hint: Option<String>,
    /// The first place in the project that the message names.
    pub place: Option<Place>,
    /// The lines around the place.
    pub frame: Option<String>,
}

impl ReloadError {
    pub(super) fn new(error: ControlError, tree: &SourceTree) -> Self {
        // A development server has no server log, so the message contains the cause.
        let cause = error.to_string();
        let error = ApiError::from(error);
        let is_internal = error.is_internal();
        let (message, hint) = error.into_texts();
        let message = if is_internal { cause } else { message };
        let place = Place::first_in(&message, tree);
        Self {
            frame: place.as_ref().and_then(|place| place.frame(tree)),
            place,
            message,
            hint,
        }
    }

    /// Returns the value of the header `X-Jelou-Dev-Stale`.
    pub(super) fn stale(&self) -> HeaderValue {
        let place = self.place.as_ref().map(ToString::to_string);
        let place = place.and_then(|place| HeaderValue::try_from(place).ok());
        place.unwrap_or(HeaderValue::from_static("the last build failed"))
    }
}
