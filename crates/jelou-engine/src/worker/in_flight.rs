//! The requests that a worker has in flight, and their work after the response. Each call from the worker to another
//! function is attributed to one of these requests.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::transport::CallFacts;

/// Maximum number of requests of one process with work after the response. The process does not wait for the work of
/// further requests.
const MAX_WORK: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct InFlight {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    requests: HashMap<Uuid, Request>,
    /// Number of requests with work.
    working: usize,
    /// Number of requests without a complete response.
    unanswered: usize,
    last: Option<Last>,
}

/// The request that ended last.
#[derive(Debug)]
struct Last {
    hops: u32,
    at: Instant,
}

#[derive(Debug)]
struct Request {
    hops: u32,
    /// `None` if the request was unknown when its work began.
    memory_scope: Option<String>,
    /// Whether the request has work that the function passed to `waitUntil`.
    has_work: bool,
    /// When the response was complete, or the caller disconnected.
    answered: Option<Instant>,
}

impl InFlight {
    /// Adds a request. The returned id ends the request.
    pub(crate) fn begin(&self, call: &CallFacts<'_>) -> Uuid {
        let request = Request {
            hops: call.hops,
            memory_scope: Some(call.memory_scope.to_owned()),
            has_work: false,
            answered: None,
        };
        let mut table = self.lock();
        table.unanswered += 1;
        table.requests.insert(call.request_id, request);
        call.request_id
    }

    /// Ends a request. Its work continues.
    pub(crate) fn end(&self, request_id: Uuid) {
        let mut table = self.lock();
        let at = Instant::now();
        let Some(request) = table.requests.get_mut(&request_id) else {
            return;
        };
        request.answered = Some(at);
        let (hops, has_work) = (request.hops, request.has_work);
        table.last = Some(Last { hops, at });
        table.unanswered -= 1;
        if !has_work {
            table.requests.remove(&request_id);
        }
    }

    /// Adds the work of a request. Returns whether the process must wait for it.
    ///
    /// The request is unknown if its caller disconnected before the work began. Then the time for the work counts from
    /// the last request that ended, so that a process cannot prolong its life with ids of requests that do not
    /// exist.
    pub(crate) fn begin_work(&self, request_id: Uuid) -> bool {
        let mut table = self.lock();
        if table.working >= MAX_WORK {
            return false;
        }
        let hops = table.hops_of(None);
        let last = table.last.as_ref().map(|last| last.at);
        let request = match (table.requests.get_mut(&request_id), last) {
            (Some(request), _) => request,
            (None, None) => return false,
            (None, answered) => table.requests.entry(request_id).or_insert(Request {
                hops,
                memory_scope: None,
                has_work: false,
                answered,
            }),
        };
        let begins = !std::mem::replace(&mut request.has_work, true);
        table.working += usize::from(begins);
        begins
    }

    /// Ends the work of a request. Returns whether the process had to wait for it.
    pub(crate) fn end_work(&self, request_id: Uuid) -> bool {
        self.lock().end_work(request_id)
    }

    /// Ends the work of all requests that were answered longer than `limit` ago. Returns these requests.
    pub(crate) fn end_overdue(&self, limit: Duration) -> Vec<Uuid> {
        let mut table = self.lock();
        let overdue: Vec<Uuid> = table
            .requests
            .iter()
            .filter(|(_, request)| request.has_work && request.is_over(limit))
            .map(|(id, _)| *id)
            .collect();
        for id in &overdue {
            table.end_work(*id);
        }
        overdue
    }

    /// Returns the number of requests with work.
    pub(crate) fn working(&self) -> usize {
        self.lock().working
    }

    /// Returns the requests with work.
    pub(crate) fn with_work(&self) -> Vec<Uuid> {
        let table = self.lock();
        let working = table
            .requests
            .iter()
            .filter(|(_, request)| request.has_work);
        working.map(|(id, _)| *id).collect()
    }

    /// Returns the number of requests without a complete response.
    pub(crate) fn unanswered(&self) -> usize {
        self.lock().unanswered
    }

    /// Returns the number of hops before a call that `parent` makes. If `parent` is not in flight, the longest chain
    /// counts, so that a function cannot shorten the chain by hiding the parent. If no request is in flight, the last
    /// request counts, so that a function cannot call itself forever from a timer.
    pub(crate) fn hops_of(&self, parent: Option<&str>) -> u32 {
        self.lock().hops_of(parent)
    }

    /// Returns the scope of `ctx.memory` of `parent`, or `None` if `parent` is not in flight.
    pub(crate) fn memory_scope_of(&self, parent: &str) -> Option<String> {
        let parent = Uuid::try_parse(parent).ok()?;
        self.lock().requests.get(&parent)?.memory_scope.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn hops_of(&self, parent: Option<&str>) -> u32 {
        parent
            .and_then(|id| self.requests.get(&Uuid::try_parse(id).ok()?))
            .map(|request| request.hops)
            .or_else(|| self.requests.values().map(|request| request.hops).max())
            .unwrap_or_else(|| self.last.as_ref().map_or(0, |last| last.hops))
    }

    fn end_work(&mut self, request_id: Uuid) -> bool {
        let Some(request) = self.requests.get_mut(&request_id) else {
            return false;
        };
        let ends = std::mem::take(&mut request.has_work);
        if ends && request.answered.is_some() {
            self.requests.remove(&request_id);
        }
        self.working -= usize::from(ends);
        ends
    }
}

impl Request {
    fn is_over(&self, limit: Duration) -> bool {
        self.answered.is_some_and(|at| at.elapsed() >= limit)
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
    fn the_memory_scope_is_that_of_a_request_in_flight() {
        let table = InFlight::default();
        let id = begin(&table, A, 0);
        assert_eq!(memory_scope_of(&table, A), Some(format!("user:{A}")));
        assert_eq!(table.memory_scope_of("forged"), None);
        table.end(id);
        assert_eq!(memory_scope_of(&table, A), None);
    }

    #[test]
    fn work_after_the_answer_keeps_its_memory_scope() {
        let table = InFlight::default();
        begin(&table, A, 1);
        assert!(table.begin_work(A));
        assert!(!table.begin_work(A), "it has begun already");
        table.end(A);
        assert_eq!((table.unanswered(), table.working()), (0, 1));
        assert_eq!(memory_scope_of(&table, A), Some(format!("user:{A}")));
        assert!(table.end_work(A));
        assert!(!table.end_work(A));
        assert_eq!((table.working(), memory_scope_of(&table, A)), (0, None));
        begin(&table, A, 0);
        table.begin_work(A);
        assert!(table.end_work(A));
        table.end(A);
        assert_eq!(memory_scope_of(&table, A), None, "its work ended before");
    }

    #[test]
    fn work_is_overdue_only_after_its_answer() {
        let table = InFlight::default();
        begin(&table, A, 0);
        table.begin_work(A);
        assert!(table.end_overdue(Duration::ZERO).is_empty());
        table.end(A);
        assert!(table.end_overdue(Duration::from_mins(1)).is_empty());
        assert_eq!(table.end_overdue(Duration::ZERO), [A]);
        assert_eq!(table.working(), 0);
    }

    #[test]
    fn the_time_for_work_of_an_unknown_request_starts_with_the_last_answer() {
        let table = InFlight::default();
        assert!(!table.begin_work(A), "no request has ended");
        begin(&table, B, 0);
        table.end(B);
        assert!(table.begin_work(A));
        assert_eq!(memory_scope_of(&table, A), None);
        assert_eq!(table.end_overdue(Duration::ZERO), [A]);
    }

    #[test]
    fn the_process_waits_for_the_work_of_a_limited_number_of_requests() {
        let table = InFlight::default();
        begin(&table, A, 0);
        table.end(A);
        let ids = (10..).map(Uuid::from_u128);
        let held = ids.take(MAX_WORK + 5).filter(|id| table.begin_work(*id));
        assert_eq!(held.count(), MAX_WORK);
    }
}
