//! The requests that a worker has in flight. Each call from the worker to another function is attributed to one of
//! them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::transport::CallFacts;

#[derive(Debug, Default)]
pub(crate) struct InFlight {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    requests: HashMap<Uuid, Facts>,
    /// Hops of the request that ended last.
    last_hops: u32,
}

#[derive(Debug)]
struct Facts {
    hops: u32,
    memory_scope: String,
}

impl InFlight {
    /// Adds a call. The returned id ends it.
    pub(crate) fn begin(&self, call: &CallFacts<'_>) -> Uuid {
        let facts = Facts {
            hops: call.hops,
            memory_scope: call.memory_scope.to_owned(),
        };
        self.lock().requests.insert(call.request_id, facts);
        call.request_id
    }

    pub(crate) fn end(&self, request_id: Uuid) {
        let mut table = self.lock();
        if let Some(facts) = table.requests.remove(&request_id) {
            table.last_hops = facts.hops;
        }
    }

    /// Number of hops before a call that is made for `parent`. If `parent` is not in flight, the longest chain counts,
    /// so that hiding the parent gains nothing. If no request is in flight, the last request counts, so that a function
    /// cannot call itself forever from a timer.
    pub(crate) fn hops_of(&self, parent: Option<&str>) -> u32 {
        let table = self.lock();
        parent
            .and_then(|id| table.requests.get(&Uuid::try_parse(id).ok()?))
            .map(|facts| facts.hops)
            .or_else(|| table.requests.values().map(|facts| facts.hops).max())
            .unwrap_or(table.last_hops)
    }

    /// The memory scope of `parent`; `None` when `parent` is not in flight.
    pub(crate) fn memory_scope_of(&self, parent: &str) -> Option<String> {
        let parent = Uuid::try_parse(parent).ok()?;
        Some(self.lock().requests.get(&parent)?.memory_scope.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    fn begin(table: &InFlight, id: Uuid, hops: u32) -> Uuid {
        table.begin(&CallFacts {
            hops,
            memory_scope: &format!("user:{id}"),
            request_id: id,
            ..CallFacts::PLAIN
        })
    }

    fn hops_of(table: &InFlight, parent: Uuid) -> u32 {
        table.hops_of(Some(&parent.to_string()))
    }

    fn memory_scope_of(table: &InFlight, parent: Uuid) -> Option<String> {
        table.memory_scope_of(&parent.to_string())
    }

    #[test]
    fn a_call_without_a_known_parent_counts_as_the_longest_chain() {
        let table = InFlight::default();
        assert_eq!(table.hops_of(None), 0);
        begin(&table, A, 2);
        begin(&table, B, 7);
        assert_eq!(hops_of(&table, A), 2);
        assert_eq!(table.hops_of(Some("forged")), 7);
        assert_eq!(table.hops_of(None), 7);
        table.end(B);
        assert_eq!(table.hops_of(None), 2);
    }

    #[test]
    fn a_call_after_the_last_answer_continues_its_chain() {
        let table = InFlight::default();
        begin(&table, A, 3);
        table.end(A);
        assert_eq!(table.hops_of(None), 3);
        assert_eq!(hops_of(&table, A), 3);
        begin(&table, B, 0);
        table.end(B);
        assert_eq!(table.hops_of(None), 0);
    }

    #[test]
    fn memory_is_that_of_a_request_in_flight() {
        let table = InFlight::default();
        let id = begin(&table, A, 0);
        assert_eq!(memory_scope_of(&table, A), Some(format!("user:{A}")));
        assert_eq!(table.memory_scope_of("forged"), None);
        table.end(id);
        assert_eq!(memory_scope_of(&table, A), None);
    }
}
