//! Previews of a function, in memory for calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use arc_swap::ArcSwap;
use jelou_core::{DeploymentId, PreviewId, PreviewName};
use jelou_store::{PreviewTerms, SecretRecord};

use super::Function;

/// Data of a preview, in addition to its [`Function`].
#[derive(Debug)]
pub(crate) struct Preview {
    pub(crate) id: PreviewId,
    pub(crate) name: PreviewName,
    with_secrets: AtomicBool,
    header_only: AtomicBool,
    expires_at_ms: AtomicI64,
}

impl Preview {
    pub(crate) fn new(name: PreviewName, terms: &PreviewTerms) -> Self {
        Self {
            id: terms.id.clone(),
            name,
            with_secrets: AtomicBool::new(terms.with_secrets),
            header_only: AtomicBool::new(terms.header_only),
            expires_at_ms: AtomicI64::new(terms.expires_at.as_millisecond()),
        }
    }

    /// Whether the preview also has the function's secrets.
    pub(crate) fn inherits(&self) -> bool {
        self.with_secrets.load(Ordering::Relaxed)
    }

    pub(crate) fn is_header_only(&self) -> bool {
        self.header_only.load(Ordering::Relaxed)
    }

    pub(crate) fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_at_ms.load(Ordering::Relaxed) <= now_ms
    }

    pub(crate) fn set_terms(&self, terms: &PreviewTerms) {
        self.with_secrets
            .store(terms.with_secrets, Ordering::Relaxed);
        self.header_only.store(terms.header_only, Ordering::Relaxed);
        let expires_at = terms.expires_at.as_millisecond();
        self.expires_at_ms.store(expires_at, Ordering::Relaxed);
    }

    /// Returns the secrets of the preview. Its own secrets override inherited secrets with the same key.
    pub(crate) fn secrets(&self, function: &Function, own: Vec<SecretRecord>) -> Vec<SecretRecord> {
        if !self.inherits() {
            return own;
        }
        let inherited = function.secrets.load();
        let is_own = |other: &&SecretRecord| own.iter().any(|secret| secret.key == other.key);
        let inherited = inherited.iter().filter(|secret| !is_own(secret));
        inherited.cloned().chain(own.iter().cloned()).collect()
    }
}

/// The previews of a function. Only one change runs at a time.
#[derive(Debug, Default)]
pub(crate) struct Previews(ArcSwap<Vec<Arc<Function>>>);

impl Previews {
    pub(crate) fn all(&self) -> Vec<Arc<Function>> {
        Vec::clone(&self.0.load())
    }

    pub(crate) fn named(&self, name: &str, now_ms: i64) -> Option<Arc<Function>> {
        self.find(|_, preview| preview.name.as_str() == name && !preview.is_expired(now_ms))
    }

    /// Returns the preview with this id, even if it has expired, because its last calls may still run.
    pub(crate) fn with_id(&self, id: &PreviewId) -> Option<Arc<Function>> {
        self.find(|_, preview| preview.id == *id)
    }

    /// Returns the preview that serves a deployment.
    pub(crate) fn serving(&self, deployment: &DeploymentId, now_ms: i64) -> Option<Arc<Function>> {
        self.find(|function, preview| {
            let live = function.live.load();
            let is_served = |live: &Arc<super::Live>| live.slot.spec().deployment == *deployment;
            live.as_ref().is_some_and(is_served) && !preview.is_expired(now_ms)
        })
    }

    /// Adds a preview. Removes and returns the expired preview with the same name.
    pub(crate) fn put(&self, added: Arc<Function>) -> Option<Arc<Function>> {
        let name = added.preview.as_ref().map(|preview| preview.name.clone());
        let has_name = |one: &Function| one.preview.as_ref().map(|one| &one.name) == name.as_ref();
        let (former, mut rest): (Vec<_>, Vec<_>) =
            self.all().into_iter().partition(|one| has_name(one));
        rest.push(added);
        self.0.store(Arc::new(rest));
        former.into_iter().next()
    }

    pub(crate) fn remove(&self, id: &PreviewId) -> Option<Arc<Function>> {
        let is_meant = |one: &Function| one.preview.as_ref().is_some_and(|one| one.id == *id);
        let (removed, rest): (Vec<_>, Vec<_>) =
            self.all().into_iter().partition(|one| is_meant(one));
        self.0.store(Arc::new(rest));
        removed.into_iter().next()
    }

    fn find(&self, is_meant: impl Fn(&Function, &Preview) -> bool) -> Option<Arc<Function>> {
        let previews = self.0.load();
        let found = previews.iter().find(|function| {
            let preview = function.preview.as_ref();
            preview.is_some_and(|preview| is_meant(function, preview))
        });
        found.map(Arc::clone)
    }
}
