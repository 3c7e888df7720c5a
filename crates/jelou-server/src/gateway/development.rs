//! The one function of a server for development, and whether its code is older than its files.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use http::{HeaderMap, HeaderName, HeaderValue};
use jelou_core::Slug;

/// Tells callers that the last build failed, and where: the response is of older code.
const STALE: HeaderName = HeaderName::from_static("x-jelou-dev-stale");

/// What the gateway knows about the development.
#[derive(Debug)]
pub(crate) struct Development {
    pub(crate) slug: Slug,
    /// The place of the error in the last build, if that build failed.
    stale: ArcSwapOption<HeaderValue>,
}

impl Development {
    pub(crate) fn new(slug: Slug) -> Self {
        Self {
            slug,
            stale: ArcSwapOption::empty(),
        }
    }

    /// From now on, responses are of older code than the last build, which failed at this place; `None` after a good one.
    pub(crate) fn set_stale(&self, place: Option<HeaderValue>) {
        self.stale.store(place.map(Arc::new));
    }

    /// Marks a response of older code.
    pub(crate) fn mark(&self, headers: &mut HeaderMap) {
        if let Some(place) = self.stale.load().as_deref() {
            headers.insert(STALE, place.clone());
        }
    }
}
