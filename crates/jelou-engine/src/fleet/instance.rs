//! A worker of a function, together with the requests that it has in flight.

use std::ops::Deref;
use std::sync::Arc;

use super::in_flight::InFlight;
use crate::worker::Worker;

#[derive(Debug)]
pub(super) struct Instance {
    pub(super) worker: Arc<Worker>,
    pub(super) in_flight: Arc<InFlight>,
}

/// A request that is counted in at an instance. While it is held, the worker is not evicted.
#[derive(Debug)]
pub(super) struct Entered(Arc<Instance>);

impl Instance {
    /// Counts a request in, unless the worker accepts no more.
    pub(super) fn try_enter(self: &Arc<Self>) -> Option<Entered> {
        let entered = self.worker.try_enter();
        entered.then(|| Entered(Arc::clone(self)))
    }
}

impl Entered {
    /// A worker starts with one request counted in.
    pub(super) fn first(worker: Arc<Worker>, in_flight: Arc<InFlight>) -> Self {
        Self(Arc::new(Instance { worker, in_flight }))
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
        self.0.worker.leave();
    }
}
