//! Sampling (`config.logs.sample`): keeps or drops the lines and the call of a request together. The request id selects
//! the requests to keep. A request that fails or writes an error is always kept, so the lines of a request that is not
//! selected are held in memory until its call has ended.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use jelou_core::{DeploymentId, Level};
use uuid::Uuid;

use crate::entry::Redacted;
use crate::record::Content;

/// Maximum bytes of the held lines of one function. Over this limit, the oldest request is dropped.
const MAX_HELD_BYTES: usize = 4 * 1024 * 1024;
/// Maximum time for which the lines of a request are held, for example while a long stream runs.
const MAX_HELD_MS: i64 = 10 * 60 * 1000;
/// Maximum number of failed requests that are remembered, because their later lines must be kept.
const MAX_FAILED: usize = 1000;

/// A record without a sequence number: time, deployment and content.
pub(crate) type Unnumbered = (i64, Option<DeploymentId>, Redacted);

/// The state of the sampling of one function.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    /// The held requests, oldest first.
    held: BTreeMap<u64, Held>,
    numbers: HashMap<Uuid, u64>,
    next: u64,
    bytes: usize,
    failed: HashSet<Uuid>,
    failed_order: VecDeque<Uuid>,
}

#[derive(Debug)]
struct Held {
    request: Uuid,
    since_ms: i64,
    bytes: usize,
    records: Vec<Unnumbered>,
}

impl Sampler {
    /// Decides whether a record is kept. If it is, adds it and the held lines of its request to `kept`.
    pub(crate) fn add(&mut self, sample: f64, record: Unnumbered, kept: &mut Vec<Unnumbered>) {
        let (at_ms, _, redacted) = &record;
        let id = redacted.request_id.as_deref();
        // Records without a request are always kept.
        let Some(request) = id.and_then(|id| Uuid::try_parse(id).ok()) else {
            return kept.push(record);
        };
        if is_selected(request, sample) || self.failed.contains(&request) {
            return kept.push(record);
        }
        self.drop_older(*at_ms);
        if redacted.level == Level::Error {
            self.remember_failed(request);
            kept.extend(self.take(request));
            return kept.push(record);
        }
        match redacted.content {
            Content::Call(_) => drop(self.take(request)),
            Content::Line(_) | Content::Event(_) => self.hold(request, record),
        }
    }

    /// Returns whether no lines are held.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Drops the lines of requests that were held for too long.
    pub(crate) fn drop_older(&mut self, now_ms: i64) {
        while let Some((_, oldest)) = self.held.first_key_value()
            && oldest.since_ms + MAX_HELD_MS < now_ms
        {
            self.drop_oldest();
        }
    }

    fn hold(&mut self, request: Uuid, record: Unnumbered) {
        let bytes = size_of::<Unnumbered>() + record.2.content.bytes();
        let number = *self.numbers.entry(request).or_insert_with(|| {
            self.next += 1;
            self.next
        });
        let held = self.held.entry(number).or_insert_with(|| Held {
            request,
            since_ms: record.0,
            bytes: 0,
            records: Vec::new(),
        });
        held.records.push(record);
        held.bytes += bytes;
        self.bytes += bytes;
        while self.bytes > MAX_HELD_BYTES {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, oldest)) = self.held.pop_first() {
            self.numbers.remove(&oldest.request);
            self.bytes -= oldest.bytes;
        }
    }

    fn take(&mut self, request: Uuid) -> Vec<Unnumbered> {
        let number = self.numbers.remove(&request);
        let held = number.and_then(|number| self.held.remove(&number));
        held.map_or_else(Vec::new, |held| {
            self.bytes -= held.bytes;
            held.records
        })
    }

    fn remember_failed(&mut self, request: Uuid) {
        if self.failed_order.len() == MAX_FAILED
            && let Some(oldest) = self.failed_order.pop_front()
        {
            self.failed.remove(&oldest);
        }
        self.failed_order.push_back(request);
        self.failed.insert(request);
    }
}

/// Returns whether the sample contains the request. The first 32 bits of a request id are random.
fn is_selected(request: Uuid, sample: f64) -> bool {
    let (first, ..) = request.as_fields();
    f64::from(first) < sample * 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::record::{Call, Line, Protocol};

    fn line(request: Uuid, level: Level, text: &str) -> Unnumbered {
        let args = serde_json::value::to_raw_value(&[text]);
        let redacted = Redacted {
            level,
            request_id: Some(request.to_string()),
            content: Content::Line(Line {
                args: args.unwrap_or_else(|_| RawValue::NULL.to_owned()),
            }),
        };
        (0, None, redacted)
    }

    fn call(request: Uuid, status: u16) -> Unnumbered {
        let call = Call {
            status,
            duration_ms: 1.0,
            cold: false,
            queue_ms: 0.0,
            start_ms: 0.0,
            method: "GET".to_owned(),
            path: "/".to_owned(),
            route: None,
            tool: None,
            token: None,
            protocol: Protocol::Http,
            bytes_in: None,
            bytes_out: 0,
            hops: 0,
            error: None,
            trace_id: None,
            trace: None,
        };
        let redacted = Redacted {
            level: Level::of_status(status),
            request_id: Some(request.to_string()),
            content: Content::Call(Box::new(call)),
        };
        (0, None, redacted)
    }

    fn kept(sampler: &mut Sampler, sample: f64, records: Vec<Unnumbered>) -> usize {
        let mut kept = Vec::new();
        for record in records {
            sampler.add(sample, record, &mut kept);
        }
        kept.len()
    }

    #[test]
    fn whole_requests_are_kept_or_dropped() {
        let mut sampler = Sampler::default();
        let mut requests = 0;
        for _ in 0..2000 {
            let id = Uuid::new_v4();
            let records = vec![
                line(id, Level::Info, "one"),
                call(id, 404),
                line(id, Level::Warn, "late"),
            ];
            match kept(&mut sampler, 0.25, records) {
                0 => {}
                3 => requests += 1,
                other => panic!("{other} of 3 records were kept"),
            }
        }
        assert!((400..600).contains(&requests), "{requests}");
    }

    #[test]
    fn requests_with_an_error_are_kept() {
        let mut sampler = Sampler::default();
        let [by_status, by_line, fine] = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
        let info = |id| line(id, Level::Info, "text");
        let early = vec![info(by_status), info(by_line), info(fine)];
        assert_eq!(kept(&mut sampler, 0.0, early), 0);
        let errors = vec![call(by_status, 504), line(by_line, Level::Error, "no")];
        assert_eq!(kept(&mut sampler, 0.0, errors), 4);
        let late = vec![info(by_status), call(by_line, 200), call(fine, 200)];
        assert_eq!(kept(&mut sampler, 0.0, late), 2);
        assert!(sampler.is_empty());
        assert_eq!(sampler.bytes, 0);
    }

    #[test]
    fn held_lines_are_bounded() {
        let mut sampler = Sampler::default();
        let text = "x".repeat(1000);
        let lines = (0..20_000).map(|_| line(Uuid::new_v4(), Level::Info, &text));
        assert_eq!(kept(&mut sampler, 0.0, lines.collect()), 0);
        assert!(sampler.bytes <= MAX_HELD_BYTES);
        assert_eq!(sampler.held.len(), sampler.numbers.len());
        sampler.drop_older(MAX_HELD_MS + 1);
        assert!(sampler.is_empty() && sampler.bytes == 0);
    }
}
