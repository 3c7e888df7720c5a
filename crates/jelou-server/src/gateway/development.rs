//! What a development gateway adds to responses: whether the running code is older than the files, and where a handler
//! failed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use jelou_core::{Slug, SourceTree};
use jelou_engine::Debuggers;
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::place::Place;
use super::{Domain, FUNCTION_PATHS, Gateway, GatewayBody};
use crate::registry::Live;

/// Tells the caller that the last build failed, and where. The response is from older code.
const STALE: HeaderName = HeaderName::from_static("x-jelou-dev-stale");
/// Field of a worker's error response: what the handler threw, with its stack.
const THROWN: &str = "thrown";

/// State of a development server.
#[derive(Debug)]
pub(crate) struct Development {
    /// The function of requests that name none, if the server has exactly one function.
    pub(super) only: Option<Slug>,
    projects: HashMap<Slug, Project>,
    /// The functions that the server has not tried to load yet.
    unloaded: watch::Sender<BTreeSet<Slug>>,
    /// The file with the secrets, as messages name it.
    pub(crate) env_file: String,
    /// Set if debuggers can attach.
    pub(crate) debuggers: Option<Arc<Debuggers>>,
}

#[derive(Debug, Default)]
struct Project {
    /// Where the last build failed; `None` if it succeeded.
    stale: ArcSwapOption<HeaderValue>,
    /// The source files of the running code.
    tree: ArcSwapOption<SourceTree>,
}

impl Gateway {
    /// Waits for `work` for up to `timeout`. Time in which a debugger is attached does not count.
    pub(crate) async fn within<F: Future>(&self, timeout: Duration, work: F) -> Option<F::Output> {
        let development = self.development.as_ref();
        match development.and_then(|development| development.debuggers.as_ref()) {
            None => tokio::time::timeout(timeout, work).await.ok(),
            Some(debuggers) => tokio::select! {
                done = work => Some(done),
                () = debuggers.unattended_for(timeout) => None,
            },
        }
    }
}

impl Development {
    pub(crate) fn new(slugs: &[Slug], env_file: String, debuggers: Option<Arc<Debuggers>>) -> Self {
        let projects = slugs.iter().cloned();
        Self {
            only: match slugs {
                [only] => Some(only.clone()),
                _ => None,
            },
            projects: projects.map(|slug| (slug, Project::default())).collect(),
            unloaded: watch::Sender::new(slugs.iter().cloned().collect()),
            env_file,
            debuggers,
        }
    }

    /// Records the result of a load: where it failed, so that a header of each response reports the older code, or
    /// `None` if it succeeded.
    pub(crate) fn loaded(&self, slug: &Slug, failed: Option<HeaderValue>) {
        if let Some(project) = self.projects.get(slug) {
            project.stale.store(failed.map(Arc::new));
        }
        self.unloaded
            .send_if_modified(|unloaded| unloaded.remove(slug));
    }

    /// Waits until the server has tried to load each function, or stops.
    pub(crate) async fn wait_for_first_loads(&self) {
        // Fails only if the sender is dropped.
        let _ = self.unloaded.subscribe().wait_for(BTreeSet::is_empty).await;
    }

    /// Makes requests wait no longer, because the server stops.
    pub(crate) fn stop(&self) {
        self.unloaded.send_modify(BTreeSet::clear);
    }

    /// Sets the source files of the running code.
    pub(crate) fn set_tree(&self, slug: &Slug, tree: &SourceTree) {
        if let Some(project) = self.projects.get(slug) {
            project.tree.store(Some(Arc::new(tree.clone())));
        }
    }

    /// Returns the first place in the project that the text names, and the lines around it.
    pub(crate) fn frame_in(&self, slug: &Slug, text: &str) -> Option<(Place, String)> {
        let tree = self.projects.get(slug)?.tree.load_full()?;
        let place = Place::first_in(text, &tree)?;
        let frame = place.frame(&tree)?;
        Some((place, frame))
    }

    /// Adds the header for stale code, and completes the response of a failed handler.
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

    /// Returns the error response with places in the project's source files, and with the lines around the first place.
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

    /// Returns why the request addresses no function.
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
