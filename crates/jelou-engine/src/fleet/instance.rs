//! A worker of a function, and its requests in flight.

use std::ops::Deref;
use std::sync::Arc;

use crate::worker::Worker;

#[derive(Debug)]
pub(super) struct Instance {
    pub(super) worker: Arc<Worker>,
}

/// A request in flight in a worker. The worker is not evicted while this value exists.
#[derive(Debug)]
pub(super) struct RequestInWorker(Arc<Instance>);

impl Instance {
    /// Adds a request. Returns `None` if the worker accepts no more requests.
    pub(super) fn try_enter(self: &Arc<Self>) -> Option<RequestInWorker> {
        let entered = self.worker.usage.try_enter();
        entered.then(|| RequestInWorker(Arc::clone(self)))
    }
}

impl RequestInWorker {
    /// Wraps the first request of a new worker. The worker has already counted this request.
    pub(super) fn first(worker: Arc<Worker>) -> Self {
        Self(Arc::new(Instance { worker }))
    }

    pub(super) fn instance(&self) -> Arc<Instance> {
        Arc::clone(&self.0)
    }
}

impl Deref for RequestInWorker {
    type Target = Instance;

    fn deref(&self) -> &Instance {
        &self.0
    }
}

impl Drop for RequestInWorker {
    fn drop(&mut self) {
        self.0.worker.usage.leave();
    }
}
