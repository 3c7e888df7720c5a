//! Running calls that a caller can cancel by the id that it gave them, such as with MCP's `notifications/cancelled`.
//!
//! There are no sessions, so an id identifies a call only together with the caller: the function, the token and the
//! address. If several running calls have the same values, a cancellation is ignored, because it might cancel the wrong
//! call.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use jelou_core::{PreviewId, Slug};
use tokio::sync::Notify;

use super::{Caller, auth};
use crate::registry::Function;

type Calls = HashMap<NamedCall, Vec<Arc<Notify>>>;

/// The running calls of all functions that can be cancelled by id.
#[derive(Debug, Default)]
pub(crate) struct RunningCalls {
    /// Hashes tokens with a random key, so that no token is stored.
    hasher: RandomState,
    calls: Mutex<Calls>,
}

/// The key of a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct NamedCall {
    function: Slug,
    preview: Option<PreviewId>,
    token: Option<u64>,
    address: Option<IpAddr>,
    id: String,
}

impl RunningCalls {
    pub(crate) fn name(
        &self,
        function: &Function,
        caller: Caller,
        headers: &HeaderMap,
        id: String,
    ) -> NamedCall {
        let token = headers.get(auth::TOKEN_HEADER);
        NamedCall {
            function: function.slug.clone(),
            preview: function.preview.as_ref().map(|preview| preview.id.clone()),
            token: token.map(|token| self.hasher.hash_one(token.as_bytes())),
            address: caller.address,
            id,
        }
    }

    /// Registers a call until the returned guard is dropped.
    pub(crate) fn enter(&self, call: NamedCall) -> Running<'_> {
        let cancelled = Arc::<Notify>::default();
        let mut calls = self.lock();
        calls
            .entry(call.clone())
            .or_default()
            .push(Arc::clone(&cancelled));
        Running {
            all: self,
            call,
            cancelled,
        }
    }

    /// Cancels the running call with this key, if there is exactly one.
    pub(crate) fn cancel(&self, call: &NamedCall) {
        if let Some([cancelled]) = self.lock().get(call).map(Vec::as_slice) {
            cancelled.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The guard of a registered call.
#[derive(Debug)]
pub(crate) struct Running<'a> {
    all: &'a RunningCalls,
    call: NamedCall,
    cancelled: Arc<Notify>,
}

impl Running<'_> {
    /// Waits until the call is cancelled.
    pub(crate) async fn cancelled(&self) {
        self.cancelled.notified().await;
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut calls = self.all.lock();
        if let Some(same) = calls.get_mut(&self.call) {
            same.retain(|other| !Arc::ptr_eq(other, &self.cancelled));
            if same.is_empty() {
                calls.remove(&self.call);
            }
        }
    }
}
