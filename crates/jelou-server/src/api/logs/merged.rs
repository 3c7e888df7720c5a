//! The records of all servers of the database, merged by their times.
//!
//! A server that does not answer does not delay the others: a record reports it, and its records follow when it
//! answers. The position in the stream has the sequence number of each server, so that a client that reconnects to any
//! server gets every record once.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use jelou_core::{NodeId, Slug};
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::local::{PAGE_BYTES, Read};
use super::position::Position;
use super::response::{Format, HEARTBEAT, Pieces, send};
use super::source::{self, Asked, Event, Line};
use crate::api::app::App;
use crate::api::problem::ApiError;
use crate::control::ControlError;

/// How often a stream checks for new servers.
const LOOK: Duration = Duration::from_secs(3);
/// The stream contains a new server's records from this long before the last check that did not find the server.
const SLACK_MS: i64 = 2_000;
/// How long new records are collected, so that records of several servers are in order.
const GATHER: Duration = Duration::from_millis(50);

/// Where the reading begins.
#[derive(Debug, Clone)]
pub(super) enum Start {
    /// With this number of the last records.
    Last(usize),
    /// With the first records.
    First,
    After(Position),
}

pub(super) struct Merged {
    control: App,
    slug: Slug,
    asked: Asked,
    start: Start,
    format: Format,
    position: Position,
    sources: Vec<Source>,
    /// Records about servers that do not answer, with their times.
    notices: VecDeque<(Timestamp, String)>,
}

/// The records that were read from one server.
struct Source {
    node: NodeId,
    address: String,
    events: mpsc::Receiver<Event>,
    lines: VecDeque<Line>,
    /// The sequence number after `lines`.
    cursor: u64,
    /// Whether all present records of the server were read. If not, newer records of other servers wait.
    is_waiting: bool,
    has_answered: bool,
    has_ended: bool,
    _task: JoinSet<()>,
}

impl Merged {
    pub(super) async fn new(
        control: App,
        slug: Slug,
        asked: Asked,
        start: Start,
        format: Format,
    ) -> Result<Self, ApiError> {
        let position = match &start {
            Start::After(position) => position.clone(),
            Start::Last(_) | Start::First => Position {
                known_at_ms: control.clock.now_ms(),
                ..Position::default()
            },
        };
        let mut merged = Self {
            control,
            slug,
            asked,
            start,
            format,
            position,
            sources: Vec::new(),
            notices: VecDeque::new(),
        };
        let servers = merged.control.servers().await.map_err(ControlError::from)?;
        merged.read_from(servers);
        Ok(merged)
    }

    pub(super) async fn run(mut self, pieces: Pieces) -> io::Result<()> {
        if let Start::Last(count) = self.start {
            while self.sources.iter().any(|source| !source.has_answered) {
                let (index, event) = next_event(&mut self.sources).await;
                self.take(index, event);
            }
            self.keep_last(count);
        }
        // From now on, only the new records of a new server are read.
        self.start = Start::After(Position::default());
        let mut stopped = self.control.stopped.clone();
        let follows = self.asked.follows;
        let (mut look_at, mut alive_at) = (Instant::now() + LOOK, Instant::now() + HEARTBEAT);
        loop {
            let text = self.ordered();
            if !text.is_empty() {
                if !send(&pieces, text).await {
                    return Ok(());
                }
                alive_at = Instant::now() + HEARTBEAT;
                continue;
            }
            if self.sources.iter().all(|source| source.has_ended) {
                return Ok(());
            }
            tokio::select! {
                (index, event) = next_event(&mut self.sources) => {
                    self.take(index, event);
                    if follows {
                        self.gather().await;
                    }
                }
                () = sleep_until(look_at), if follows => {
                    // While the database is away, only the known servers are read.
                    if let Ok(servers) = self.control.servers().await {
                        let now_ms = self.control.clock.now_ms();
                        self.read_from(servers);
                        // Otherwise a client that reconnects would skip the first records of a server.
                        let is_seen = |source: &Source| self.position.seen.contains_key(&source.node);
                        if self.sources.iter().all(is_seen) {
                            self.position.known_at_ms = now_ms;
                        }
                    }
                    look_at = Instant::now() + LOOK;
                }
                () = sleep_until(alive_at), if follows => {
                    let exists = self.control.registry.function(self.slug.as_str());
                    let exists = exists.is_some_and(|function| function.id == self.asked.function);
                    if !exists || !send(&pieces, format!("id: {}\n: alive\n\n", self.position)).await {
                        return Ok(());
                    }
                    alive_at = Instant::now() + HEARTBEAT;
                }
                () = pieces.closed() => return Ok(()),
                () = stops(&mut stopped), if follows => return Ok(()),
            }
        }
    }

    /// Begins to read from the servers that are not read yet, or have another address than before.
    fn read_from(&mut self, servers: Vec<(NodeId, String)>) {
        for (node, address) in servers {
            let known = self.sources.iter().position(|source| source.node == node);
            if let Some(index) = known {
                if self.sources[index].address == address {
                    continue;
                }
                // Records that were read but not sent are read again.
                self.sources.remove(index);
            }
            let (asked, from) = self.beginning(&node);
            let control = self.control.clone();
            let (events, task) = source::read(control, node.clone(), address.clone(), asked, from);
            self.sources.push(Source {
                cursor: self.position.seen.get(&node).copied().unwrap_or_default(),
                node,
                address,
                events,
                lines: VecDeque::new(),
                is_waiting: false,
                has_answered: false,
                has_ended: false,
                _task: task,
            });
        }
    }

    /// Returns where the reading of a server begins, and with which query.
    fn beginning(&mut self, node: &NodeId) -> (Asked, Read) {
        let mut asked = self.asked.clone();
        let from = match (self.position.seen.get(node).copied(), &self.start) {
            (Some(seq), _) => Read::After(seq),
            (None, Start::Last(count)) => Read::Last(*count),
            (None, Start::First) => {
                self.position.seen.insert(node.clone(), 0);
                Read::After(0)
            }
            (None, Start::After(_)) => {
                let since = Timestamp::from_millisecond(self.position.known_at_ms - SLACK_MS);
                asked.query.since = asked.query.since.max(since.ok());
                Read::After(0)
            }
        };
        (asked, from)
    }

    /// Collects further events for [`GATHER`].
    async fn gather(&mut self) {
        let gathered = sleep(GATHER);
        tokio::pin!(gathered);
        loop {
            tokio::select! {
                (index, event) = next_event(&mut self.sources) => self.take(index, event),
                () = &mut gathered => return,
            }
        }
    }

    fn take(&mut self, index: usize, event: Option<Event>) {
        let source = &mut self.sources[index];
        source.has_answered = true;
        match event {
            Some(Event::Piece(piece)) => {
                source.lines = piece.lines;
                source.cursor = piece.cursor;
                source.is_waiting = piece.is_last;
                if source.lines.is_empty() {
                    self.position
                        .seen
                        .insert(source.node.clone(), source.cursor);
                }
            }
            Some(Event::Lost(reason)) => {
                source.is_waiting = true;
                let now = Timestamp::now();
                let notice = unreachable(source, now, &reason, self.asked.follows);
                self.notices.push_back((now, notice));
            }
            None => {
                source.is_waiting = true;
                source.has_ended = true;
            }
        }
    }

    /// Drops all records except the last `count`.
    fn keep_last(&mut self, count: usize) {
        let total: usize = self.sources.iter().map(|source| source.lines.len()).sum();
        for _ in count..total {
            if let Some((_, index)) = self.oldest() {
                self.pop(index);
            }
        }
    }

    /// Returns the next records in order. Stops where another server may still send an older record.
    fn ordered(&mut self) -> String {
        let mut text = String::new();
        let holds_up = |source: &Source| source.lines.is_empty() && !source.is_waiting;
        while text.len() < PAGE_BYTES && !self.sources.iter().any(holds_up) {
            let oldest = self.oldest();
            let is_next = |(time, _): &mut (Timestamp, String)| {
                oldest.is_none_or(|(oldest, _)| *time <= oldest)
            };
            if let Some((_, notice)) = self.notices.pop_front_if(is_next) {
                self.format.write(&mut text, &self.position, &notice);
                continue;
            }
            let Some((_, index)) = oldest else { break };
            if let Some(line) = self.pop(index) {
                let json = named(line.json, &self.sources[index].node);
                self.format.write(&mut text, &self.position, &json);
            }
        }
        text
    }

    /// Returns the source with the oldest record, and its time.
    fn oldest(&self) -> Option<(Timestamp, usize)> {
        let sources = self.sources.iter().enumerate();
        let heads = sources.filter_map(|(index, source)| Some((source.lines.front()?.time, index)));
        heads.min()
    }

    /// Removes the first record of a source, and moves the position after it.
    fn pop(&mut self, index: usize) -> Option<Line> {
        let source = &mut self.sources[index];
        let line = source.lines.pop_front()?;
        let seq = if source.lines.is_empty() {
            source.cursor
        } else {
            line.seq
        };
        self.position.seen.insert(source.node.clone(), seq);
        Some(line)
    }
}

/// Waits for the next event of a source whose records have all been sent.
async fn next_event(sources: &mut [Source]) -> (usize, Option<Event>) {
    poll_fn(|context| {
        for (index, source) in sources.iter_mut().enumerate() {
            if source.has_ended || !source.lines.is_empty() {
                continue;
            }
            if let Poll::Ready(event) = source.events.poll_recv(context) {
                return Poll::Ready((index, event));
            }
        }
        Poll::Pending
    })
    .await
}

/// Waits until the server stops.
async fn stops(stopped: &mut watch::Receiver<bool>) {
    // An error means that the sender was dropped, which also stops the server.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Adds the server to a record.
fn named(mut json: String, node: &NodeId) -> String {
    if json.ends_with('}') {
        json.pop();
        json.push_str(",\"node\":\"");
        json.push_str(node.as_str());
        json.push_str("\"}");
    }
    json
}

/// Returns the record that reports missing records of a server.
fn unreachable(source: &Source, time: Timestamp, reason: &str, follows: bool) -> String {
    let Source {
        node,
        address,
        cursor,
        ..
    } = source;
    let what = if follows {
        "its records follow when it answers again"
    } else {
        "its records are missing here"
    };
    serde_json::json!({
        "seq": cursor,
        "time": time,
        "level": "WARN",
        "kind": "event",
        "event": "log.unreachable",
        "message": format!("the server {address} does not answer: {reason}; {what}"),
        "node": node,
    })
    .to_string()
}
