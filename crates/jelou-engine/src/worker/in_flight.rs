//! The requests that a worker is working on, so that a call that it makes can be traced to the call that it serves.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Calls already made in the chain that led to each request, by request id.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    hops: Mutex<HashMap<String, u32>>,
}

impl InFlight {
    pub(crate) fn begin(&self, request_id: &str, hops: u32) {
        self.lock().insert(request_id.to_owned(), hops);
    }

    pub(crate) fn end(&self, request_id: &str) {
        self.lock().remove(request_id);
    }

    /// The length of the chain that a call made on behalf of `parent` continues. A call that names no request in
    /// flight counts as made by the longest chain, so that leaving the name out gains nothing.
    pub(crate) fn hops_of(&self, parent: Option<&str>) -> u32 {
        let hops = self.lock();
        parent
            .and_then(|id| hops.get(id).copied())
            .or_else(|| hops.values().max().copied())
            .unwrap_or(0)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, u32>> {
        self.hops.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_without_a_known_parent_counts_as_the_longest_chain() {
        let table = InFlight::default();
        assert_eq!(table.hops_of(None), 0);
        table.begin("a", 2);
        table.begin("b", 7);
        assert_eq!(table.hops_of(Some("a")), 2);
        assert_eq!(table.hops_of(Some("forged")), 7);
        assert_eq!(table.hops_of(None), 7);
        table.end("b");
        assert_eq!(table.hops_of(None), 2);
    }
}
