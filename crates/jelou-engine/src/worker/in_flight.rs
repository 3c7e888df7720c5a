//! The requests that a worker is working on, so that a call that it makes can be traced to the call that it serves.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

#[derive(Debug, Default)]
pub(crate) struct InFlight {
    chains: Mutex<Chains>,
}

#[derive(Debug, Default)]
struct Chains {
    /// Calls already made in the chain that led to each request, by request id.
    hops: HashMap<String, u32>,
    /// The same of the request that ended last.
    last: u32,
}

impl InFlight {
    pub(crate) fn begin(&self, request_id: &str, hops: u32) {
        self.lock().hops.insert(request_id.to_owned(), hops);
    }

    pub(crate) fn end(&self, request_id: &str) {
        let mut chains = self.lock();
        if let Some(hops) = chains.hops.remove(request_id) {
            chains.last = hops;
        }
    }

    /// The length of the chain that a call made on behalf of `parent` continues. A call that names no request in
    /// flight counts as made by the longest chain, so that leaving the name out gains nothing; one that is made when
    /// every request has been answered, as a continuation of the last, so that a function cannot go on for ever by
    /// calling itself from a timer.
    pub(crate) fn hops_of(&self, parent: Option<&str>) -> u32 {
        let chains = self.lock();
        parent
            .and_then(|id| chains.hops.get(id).copied())
            .or_else(|| chains.hops.values().max().copied())
            .unwrap_or(chains.last)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Chains> {
        self.chains.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn a_call_after_the_last_answer_continues_its_chain() {
        let table = InFlight::default();
        table.begin("a", 3);
        table.end("a");
        assert_eq!(table.hops_of(None), 3);
        assert_eq!(table.hops_of(Some("a")), 3);
        table.begin("b", 0);
        table.end("b");
        assert_eq!(table.hops_of(None), 0);
    }
}
