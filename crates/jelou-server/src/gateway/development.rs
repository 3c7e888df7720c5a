//! What a gateway for development adds to answers: whether their code is older than the files, and where a handler failed.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use jelou_core::{Slug, SourceTree};
use serde_json::{Map, Value};

use super::place::Place;
use super::{Domain, FUNCTION_PATHS, GatewayBody};
use crate::registry::Live;

/// Tells callers that the last build failed, and where: the response is of older code.
const STALE: HeaderName = HeaderName::from_static("x-jelou-dev-stale");
/// The field of an answer in which a worker tells what a handler threw, with its stack.
const THROWN: &str = "thrown";

/// What the gateway knows about the development.
#[derive(Debug)]
pub(crate) struct Development {
    /// The function of requests that name none: the only one.
    pub(super) only: Option<Slug>,
    projects: HashMap<Slug, Project>,
}

#[derive(Debug, Default)]
struct Project {
    /// The place of the error in the last build, if that build failed.
    stale: ArcSwapOption<HeaderValue>,
    /// The files of the code that serves.
    tree: ArcSwapOption<SourceTree>,
}

impl Development {
    pub(crate) fn new(slugs: &[Slug]) -> Self {
        let projects = slugs.iter().cloned();
        Self {
            only: match slugs {
                [only] => Some(only.clone()),
                _ => None,
            },
            projects: projects.map(|slug| (slug, Project::default())).collect(),
        }
    }

    /// From now on, responses are of older code than the last build, which failed at this place; `None` after a good one.
    pub(crate) fn set_stale(&self, slug: &Slug, place: Option<HeaderValue>) {
        if let Some(project) = self.projects.get(slug) {
            project.stale.store(place.map(Arc::new));
        }
    }

    /// Sets the files of the code that serves from now on.
    pub(crate) fn set_tree(&self, slug: &Slug, tree: &SourceTree) {
        if let Some(project) = self.projects.get(slug) {
            project.tree.store(Some(Arc::new(tree.clone())));
        }
    }

    /// The lines around the first place of the project that the text names.
    pub(crate) fn frame_in(&self, slug: &Slug, text: &str) -> Option<(Place, String)> {
        let tree = self.projects.get(slug)?.tree.load_full()?;
        let place = Place::first_in(text, &tree)?;
        let frame = place.frame(&tree)?;
        Some((place, frame))
    }

    /// Marks a response of older code. Completes the response of a handler that failed.
    pub(crate) async fn finish(
        &self,
        slug: &Slug,
        live: Option<&Live>,
        response: &mut Response<GatewayBody>,
    ) {
        self.mark(slug, response.headers_mut());
        if response.status() == StatusCode::INTERNAL_SERVER_ERROR
            && let Some(live) = live
            && let GatewayBody::Full(Some(body)) = response.body()
            && let Ok(fields) = serde_json::from_slice(body)
            && let Some(body) = self.explained(slug, live, fields).await
        {
            response.headers_mut().remove(header::CONTENT_LENGTH);
            *response.body_mut() = GatewayBody::full(body);
        }
    }

    fn mark(&self, slug: &Slug, headers: &mut HeaderMap) {
        let stale = self.projects.get(slug).map(|project| project.stale.load());
        if let Some(place) = stale.as_ref().and_then(|stale| stale.as_deref()) {
            headers.insert(STALE, place.clone());
        }
    }

    /// The answer with the places of the project's own files, and the lines around the first one.
    async fn explained(
        &self,
        slug: &Slug,
        live: &Live,
        mut fields: Map<String, Value>,
    ) -> Option<Bytes> {
        let thrown = fields.get(THROWN)?.as_str()?.to_owned();
        let thrown = live.slot.readable(thrown).await;
        if let Some((place, frame)) = self.frame_in(slug, &thrown) {
            fields.insert("place".to_owned(), place.to_string().into());
            fields.insert("frame".to_owned(), frame.into());
        }
        fields.insert(THROWN.to_owned(), thrown.into());
        serde_json::to_vec(&fields).ok().map(Bytes::from)
    }

    /// Why a request is for no function.
    pub(super) fn refusal(&self, domain: &Domain, is_here: bool) -> String {
        let mut slugs: Vec<&str> = self.projects.keys().map(Slug::as_str).collect();
        slugs.sort_unstable();
        let places: Vec<_> = slugs.iter().map(|slug| domain.url(slug)).collect();
        let places = places.join(", ");
        if is_here {
            let paths: Vec<_> = slugs
                .iter()
                .map(|slug| format!("{FUNCTION_PATHS}{slug}/"))
                .collect();
            return format!(
                "jelou dev serves several functions: at {}, and at {places}",
                paths.join(", ")
            );
        }
        format!(
            "jelou dev answers under the names of this machine only (localhost, 127.0.0.1, and {places}): \
             no page of another host can use the functions. The request has another `Host` or `Origin`"
        )
    }
}
