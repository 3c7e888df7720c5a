//! Why a project cannot be served, and the place in its files.

use std::fmt;

use http::HeaderValue;
use jelou_core::SourceTree;

use crate::api::ApiError;
use crate::control::ControlError;

/// Why a project cannot be built or started.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ReloadError {
    pub message: String,
    pub hint: Option<String>,
    /// The first place in the project that the message names.
    pub place: Option<Place>,
}

/// A place in a file of the project. Line and column count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub file: String,
    pub line: usize,
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column } = self;
        write!(f, "{file}:{line}:{column}")
    }
}

impl Place {
    /// The first place that the text names, of a file of the project.
    fn first_in(text: &str, tree: &SourceTree) -> Option<Self> {
        text.split(|c: char| c.is_whitespace() || "()`'\"<>,".contains(c))
            .find_map(|word| {
                let mut parts = word.trim_end_matches(':').rsplitn(3, ':');
                let column = parts.next()?.parse().ok()?;
                let line = parts.next()?.parse().ok()?;
                let file = parts.next()?;
                let file = file.strip_prefix("./").unwrap_or(file);
                tree.file(file).map(|file| Self {
                    file: file.path.clone(),
                    line,
                    column,
                })
            })
    }
}

impl ReloadError {
    pub(super) fn new(error: ControlError, tree: &SourceTree) -> Self {
        let (message, hint) = ApiError::from(error).into_texts();
        Self {
            place: Place::first_in(&message, tree),
            message,
            hint,
        }
    }

    /// The value of the header `X-Jelou-Dev-Stale`.
    pub(super) fn stale(&self) -> HeaderValue {
        let place = self.place.as_ref().map(ToString::to_string);
        let place = place.and_then(|place| HeaderValue::try_from(place).ok());
        place.unwrap_or(HeaderValue::from_static("the last build failed"))
    }
}
