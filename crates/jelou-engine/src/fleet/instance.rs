//! A worker of a function, and its requests in flight.

use std::ops::Deref;
use std::sync::Arc;

use crate::worker::Worker;

#[derive(Debug)]
pub(super) struct Instance {
    pub(super) worker: Arc<Worker>,
}

/// A request in flight of an instance. The worker is not evicted while this value exists.
#[derive(Debug)]
pub(super) struct Entered(Arc<Instance>);

impl Instance {
    /// Adds a request. Returns `None` if the worker accepts no more requests.
    pub(super) fn try_enter(self: &Arc<Self>) -> Option<Entered> {
        let entered = self.worker.usage.try_enter();
        entered.then(|| Entered(Arc::clone(self)))
    }
}

impl Entered {
    /// Wraps the first request of a new worker, which the worker already counts.
    pub(super) fn first(worker: Arc<Worker>) -> Self {
        Self(Arc::new(Instance { worker }))
    }

    pub(super) fn instance(&self) -> Arc<Instance> {
        Arc::clone(&self.0)
    }
}

impl Deref for Entered {
    type Target = Instance;

    fn deref(&self) -> &Instance {
        &self.0
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.worker.usage.leave();
    }
}
