//! The functions of a server for development, and whether their code is older than their files.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use http::{HeaderMap, HeaderName, HeaderValue};
use jelou_core::Slug;

/// Tells callers that the last build failed, and where: the response is of older code.
const STALE: HeaderName = HeaderName::from_static("x-jelou-dev-stale");

/// What the gateway knows about the development.
#[derive(Debug)]
pub(crate) struct Development {
    /// The function of requests that name none: the only one.
    pub(super) only: Option<Slug>,
    /// By function: the place of the error in its last build, if that build failed.
    stale: HashMap<Slug, ArcSwapOption<HeaderValue>>,
}

impl Development {
    pub(crate) fn new(slugs: &[Slug]) -> Self {
        let stale = slugs.iter().cloned();
        Self {
            only: match slugs {
                [only] => Some(only.clone()),
                _ => None,
            },
            stale: stale.map(|slug| (slug, ArcSwapOption::empty())).collect(),
        }
    }

    /// From now on, responses are of older code than the last build, which failed at this place; `None` after a good one.
    pub(crate) fn set_stale(&self, slug: &Slug, place: Option<HeaderValue>) {
        if let Some(stale) = self.stale.get(slug) {
            stale.store(place.map(Arc::new));
        }
    }

    /// Marks a response of older code.
    pub(crate) fn mark(&self, slug: &Slug, headers: &mut HeaderMap) {
        let stale = self.stale.get(slug).map(ArcSwapOption::load);
        if let Some(place) = stale.as_ref().and_then(|stale| stale.as_deref()) {
            headers.insert(STALE, place.clone());
        }
    }
}
