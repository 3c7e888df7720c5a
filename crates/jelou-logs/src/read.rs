//! Reads records: pages in order after a sequence number, or the last records.

use std::collections::{HashMap, VecDeque};
use std::io;

use jelou_core::Level;
use jelou_core::{DeploymentId, TokenId};
use jiff::Timestamp;

use crate::filter::{Examined, Filter, Plan};
use crate::record::{Content, Record, seq_of};
use crate::storage::block::decompress;
use crate::storage::{Blocks, Removed, SealedView, View, may_contain};
use crate::stream::{Stream, StreamView};

/// Maximum bytes of records that are searched for one page. The page then ends, even if few records match.
const MAX_SCANNED_BYTES: usize = 16 * 1024 * 1024;
/// Maximum bytes of the last records, which are one page.
pub const MAX_LAST_BYTES: usize = 16 * 1024 * 1024;

/// Which records to read.
#[derive(Debug, Clone, Default)]
pub struct Query {
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub level: Option<Level>,
    pub request: Option<String>,
    pub deployment: Option<DeploymentId>,
    pub filter: Filter,
}

/// The names of tokens, for filters. The record of a call has only the id of its token.
pub type TokenNames = HashMap<TokenId, String>;

/// A page of records.
#[derive(Debug, Default)]
pub struct Page {
    /// The records, in ascending order of their sequence numbers.
    pub records: Vec<Found>,
    /// The next page begins after this sequence number.
    pub cursor: u64,
    /// Whether the stream currently has no more records after the cursor.
    pub is_last: bool,
    /// Sequence number and time of the newest record in the range of the page that the retention has removed. Records
    /// before it may remain, because lines and calls are removed separately.
    pub removed: Option<(u64, Timestamp)>,
    /// Whether earlier records that match were left out, because the page has [`MAX_LAST_BYTES`].
    pub is_cut: bool,
    /// Whether a call has a token whose name is not in the [`TokenNames`].
    pub has_unknown_token: bool,
}

/// A record that matches.
#[derive(Debug)]
pub struct Found {
    pub seq: u64,
    /// The record as one line of JSON, without a line end. A call also has the name of its token.
    pub json: String,
    pub record: Record,
}

/// Reads the stream of one function.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    query: &'a Query,
    plan: Plan,
    names: &'a TokenNames,
    has_unknown_token: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Forward,
    Backward,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(query: &'a Query, names: &'a TokenNames) -> Self {
        Self {
            plan: Plan::of(&query.filter, query.level, query.request.as_deref()),
            query,
            names,
            has_unknown_token: false,
        }
    }

    /// Returns the matching records after `cursor`, in order, up to about `max_bytes` of JSON.
    pub(crate) fn page(mut self, stream: &Stream, cursor: u64, max_bytes: usize) -> Page {
        let view = stream.view(cursor);
        let removed = self.removed(&view, cursor);
        let mut page = Page {
            cursor,
            ..Page::default()
        };
        let last_seq = view.last_seq;
        let mut merged = self.merged(view, cursor, Direction::Forward);
        let mut bytes = 0;
        while let Some((seq, line)) = merged.next(&self) {
            page.cursor = seq;
            if let Some(found) = self.found(line) {
                bytes += found.json.len() + 1;
                page.records.push(found);
            }
            if bytes >= max_bytes || merged.scanned >= MAX_SCANNED_BYTES {
                page.removed = removed.filter(|(removed, _)| *removed <= seq);
                page.has_unknown_token = self.has_unknown_token;
                return page;
            }
        }
        page.cursor = last_seq.max(cursor);
        page.is_last = true;
        page.removed = removed;
        page.has_unknown_token = self.has_unknown_token;
        page
    }

    /// Returns the last `count` matching records, in ascending order, or fewer with about [`MAX_LAST_BYTES`].
    pub(crate) fn last(mut self, stream: &Stream, count: usize) -> Page {
        let view = stream.view(0);
        let removed = self.query.since.and_then(|_| self.removed(&view, 0));
        let mut page = Page {
            cursor: view.last_seq,
            is_last: true,
            ..Page::default()
        };
        let mut merged = self.merged(view, 0, Direction::Backward);
        let mut bytes = 0;
        while page.records.len() < count {
            let Some((_, line)) = merged.next(&self) else {
                break;
            };
            if let Some(found) = self.found(line) {
                if bytes >= MAX_LAST_BYTES {
                    page.is_cut = true;
                    break;
                }
                bytes += found.json.len();
                page.records.push(found);
            }
        }
        page.records.reverse();
        let is_complete = page.records.len() == count;
        let first = page.records.first().map_or(0, |found| found.seq);
        page.removed = removed.filter(|(removed, _)| !is_complete || *removed > first);
        page.has_unknown_token = self.has_unknown_token;
        page
    }

    /// Returns the newest record that the retention has removed, if it is in the range of the query.
    fn removed(&self, view: &StreamView, cursor: u64) -> Option<(u64, Timestamp)> {
        let families = [
            self.plan.allows_lines().then_some(view.lines.removed),
            self.plan.allows_calls().then_some(view.calls.removed),
        ];
        let newest = families
            .into_iter()
            .flatten()
            .max_by_key(|removed| removed.seq)?;
        let Removed { seq, time_ms } = newest;
        let is_asked_for = seq > cursor
            && (cursor > 0
                || self
                    .query
                    .since
                    .is_some_and(|since| since.as_millisecond() < time_ms));
        is_asked_for.then(|| {
            (
                seq,
                Timestamp::from_millisecond(time_ms).unwrap_or_default(),
            )
        })
    }

    fn merged(&self, view: StreamView, after: u64, direction: Direction) -> Merged {
        let family =
            |view: View, is_allowed: bool| is_allowed.then(|| Lines::new(view, after, direction));
        Merged {
            lines: family(view.lines, self.plan.allows_lines()),
            calls: family(view.calls, self.plan.allows_calls()),
            direction,
            scanned: 0,
        }
    }

    /// Parses a line. Returns the record if it matches.
    fn found(&mut self, line: &str) -> Option<Found> {
        let record = Record::parse(line).ok()?;
        let query = self.query;
        let matches = query.since.is_none_or(|since| record.time >= since)
            && query.until.is_none_or(|until| record.time < until)
            && query.level.is_none_or(|level| record.level >= level)
            && (query.request.is_none() || record.request_id == query.request)
            && (query.deployment.is_none() || record.deployment == query.deployment);
        if !matches {
            return None;
        }
        let token = match &record.content {
            Content::Call(call) => call.token.as_ref(),
            Content::Line(_) | Content::Event(_) => None,
        };
        let name = token.and_then(|token| self.names.get(token));
        if token.is_some() && name.is_none() {
            self.has_unknown_token = true;
        }
        if !query
            .filter
            .matches_examined(&Examined::new(&record, name.map(String::as_str)))
        {
            return None;
        }
        let mut json = line.to_owned();
        if let Some(name) = name
            && json.ends_with('}')
        {
            json.pop();
            json.push_str(",\"tokenName\":");
            json.push_str(&serde_json::to_string(name).unwrap_or_default());
            json.push('}');
        }
        Some(Found {
            seq: record.seq,
            json,
            record,
        })
    }

    fn is_in_time(&self, min_ms: i64, max_ms: i64) -> bool {
        let after = |since: Timestamp| max_ms >= since.as_millisecond();
        let before = |until: Timestamp| min_ms <= until.as_millisecond();
        self.query.since.is_none_or(after) && self.query.until.is_none_or(before)
    }

    /// Returns whether a block may have matching records.
    fn allows(&self, blocks: &Blocks, index: usize) -> io::Result<bool> {
        let header = &blocks.refs[index].header;
        let plan = &self.plan;
        if !self.is_in_time(header.min_ms, header.max_ms) || !plan.allows_levels(header.levels) {
            return Ok(false);
        }
        if !plan.needs_ids() && !plan.needs_words() {
            return Ok(true);
        }
        let ids = blocks.ids(index)?;
        if !plan.allows_ids(|id| may_contain(&ids, id)) {
            return Ok(false);
        }
        if !plan.needs_words() {
            return Ok(true);
        }
        let words = blocks.words(index)?;
        Ok(plan.allows_words(|id| may_contain(&ids, id), |word| may_contain(&words, word)))
    }
}

/// Merges the candidate lines of both families in the order of their sequence numbers.
struct Merged {
    lines: Option<Lines>,
    calls: Option<Lines>,
    direction: Direction,
    scanned: usize,
}

impl Merged {
    fn next(&mut self, reader: &Reader<'_>) -> Option<(u64, &str)> {
        let scanned = &mut self.scanned;
        let mut peek = |family: &mut Option<Lines>| {
            let lines = family.as_mut()?;
            lines.peek(reader, scanned)
        };
        let (line, call) = (peek(&mut self.lines), peek(&mut self.calls));
        let takes_line = match (line, call) {
            (Some(line), Some(call)) => (line < call) == (self.direction == Direction::Forward),
            (line, _) => line.is_some(),
        };
        let family = if takes_line {
            &mut self.lines
        } else {
            &mut self.calls
        };
        family.as_mut()?.take()
    }
}

/// Iterates over the candidate lines of one family. Decompresses one block at a time.
struct Lines {
    sealed: VecDeque<SealedView>,
    opened: Option<(Blocks, VecDeque<usize>)>,
    active: Option<Blocks>,
    pending: Option<String>,
    after: u64,
    direction: Direction,
    text: String,
    /// Sequence number, start and end of each candidate in `text`.
    candidates: VecDeque<(u64, usize, usize)>,
    decompressor: Option<zstd::bulk::Decompressor<'static>>,
}

impl Lines {
    fn new(view: View, after: u64, direction: Direction) -> Self {
        Self {
            sealed: view.sealed.into(),
            opened: None,
            active: view.active,
            pending: Some(view.pending).filter(|text| !text.is_empty()),
            after,
            direction,
            text: String::new(),
            candidates: VecDeque::new(),
            decompressor: zstd::bulk::Decompressor::new().ok(),
        }
    }

    /// Returns the sequence number of the next candidate.
    fn peek(&mut self, reader: &Reader<'_>, scanned: &mut usize) -> Option<u64> {
        while self.candidates.is_empty() {
            self.text = self.next_text(reader)?;
            *scanned += self.text.len();
            self.find_candidates(reader);
        }
        self.candidates.front().map(|candidate| candidate.0)
    }

    fn take(&mut self) -> Option<(u64, &str)> {
        let (seq, start, end) = self.candidates.pop_front()?;
        Some((seq, &self.text[start..end]))
    }

    /// Returns the text of the next block that may have matching records, or of the pending lines.
    fn next_text(&mut self, reader: &Reader<'_>) -> Option<String> {
        if self.direction == Direction::Backward
            && let Some(text) = self.pending.take()
        {
            return Some(text);
        }
        while let Some((blocks, mut order)) = self.opened.take().or_else(|| self.open_next(reader))
        {
            let Some(index) = order.pop_front() else {
                continue;
            };
            // Skips a block that is damaged, or whose segment the retention has removed in the meantime.
            let text = match reader.allows(&blocks, index) {
                Ok(true) => self.decompressed(&blocks, index),
                Ok(false) => None,
                Err(error) => {
                    tracing::warn!(%error, "cannot read a block of log records");
                    None
                }
            };
            self.opened = Some((blocks, order));
            if text.is_some() {
                return text;
            }
        }
        self.pending.take()
    }

    fn open_next(&mut self, reader: &Reader<'_>) -> Option<(Blocks, VecDeque<usize>)> {
        let is_backward = self.direction == Direction::Backward;
        let blocks = loop {
            if is_backward && let Some(active) = self.active.take() {
                break active;
            }
            let next = if is_backward {
                self.sealed.pop_back()
            } else {
                self.sealed.pop_front()
            };
            let Some(sealed) = next else {
                break self.active.take()?;
            };
            if !reader.is_in_time(i64::MIN, sealed.newest_ms) {
                continue;
            }
            match Blocks::open(&sealed.path) {
                Ok(blocks) => break blocks,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => tracing::warn!(%error, "cannot read a segment of log records"),
            }
        };
        let after = self.after;
        let wanted = blocks.refs.iter().enumerate();
        let wanted = wanted.filter(|(_, block)| block.header.last_seq > after);
        let mut order: VecDeque<usize> = wanted.map(|(index, _)| index).collect();
        if is_backward {
            order.make_contiguous().reverse();
        }
        Some((blocks, order))
    }

    fn decompressed(&mut self, blocks: &Blocks, index: usize) -> Option<String> {
        let decompressor = self.decompressor.as_mut()?;
        let stored = blocks.stored(index);
        let text =
            stored.and_then(|stored| decompress(decompressor, &blocks.refs[index].header, &stored));
        match text {
            Ok(text) => Some(text),
            Err(error) => {
                tracing::warn!(%error, "a block of log records is damaged");
                None
            }
        }
    }

    fn find_candidates(&mut self, reader: &Reader<'_>) {
        let text = &self.text;
        let mut candidates = VecDeque::new();
        let mut add = |start: usize, end: usize| {
            if let Some(seq) = seq_of(&text[start..end])
                && seq > self.after
            {
                candidates.push_back((seq, start, end));
            }
        };
        match reader.plan.candidates(text) {
            Some(places) => {
                let mut done = 0;
                for place in places {
                    if place < done {
                        continue;
                    }
                    let start = memchr::memrchr(b'\n', &text.as_bytes()[..place]);
                    let start = start.map_or(0, |end| end + 1);
                    let end = memchr::memchr(b'\n', &text.as_bytes()[place..]);
                    let end = end.map_or(text.len(), |length| place + length);
                    add(start, end);
                    done = end;
                }
            }
            None => {
                let mut start = 0;
                for end in memchr::memchr_iter(b'\n', text.as_bytes()) {
                    add(start, end);
                    start = end + 1;
                }
            }
        }
        if self.direction == Direction::Backward {
            candidates.make_contiguous().reverse();
        }
        self.candidates = candidates;
    }
}
