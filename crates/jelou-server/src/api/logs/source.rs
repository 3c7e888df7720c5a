//! The records of one server, page by page. A task reads ahead by one page.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use jelou_core::{FunctionId, NodeId};
use jelou_logs::{Page, Query};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use url::form_urlencoded::Serializer;

use super::local::{Read, Reading};
use super::response::{cut, removed};
use crate::api::app::App;
use crate::peers::Peer;

/// How long another server waits for a record before it answers that there is none.
pub(super) const WAIT: Duration = Duration::from_secs(5);
/// The pause before another attempt at a server that does not answer.
const RETRY: Duration = Duration::from_secs(1);
/// How long a server may be away, for instance for a restart, before readers get a record about it.
const PATIENCE: Duration = Duration::from_secs(2);

/// The query for every server.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) function: FunctionId,
    pub(super) query: Query,
    /// The text of the query's filter.
    pub(super) filter: Option<String>,
    /// Whether new records are wanted, too.
    pub(super) follows: bool,
}

/// A record of a server.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) seq: u64,
    pub(super) time: Timestamp,
    pub(super) json: String,
}

/// A page of records.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) lines: VecDeque<Line>,
    /// The next page begins after this sequence number.
    pub(super) cursor: u64,
    /// Whether the server has no more records now.
    pub(super) is_last: bool,
}

#[derive(Debug)]
pub(super) enum Event {
    Piece(Piece),
    /// The server does not answer, for this reason.
    Lost(String),
}

/// The first line of the answer of another server. The other lines are the records.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageHead {
    pub(super) cursor: u64,
    pub(super) is_last: bool,
    /// The newest record in the range of the page that the retention has removed.
    pub(super) removed: Option<(u64, Timestamp)>,
    /// Whether earlier records were left out, because there are too many. Absent in answers of older servers.
    #[serde(default)]
    pub(super) is_cut: bool,
}

impl PageHead {
    pub(super) fn of(page: &Page) -> Self {
        Self {
            cursor: page.cursor,
            is_last: page.is_last,
            removed: page.removed,
            is_cut: page.is_cut,
        }
    }

    /// Returns the page with these records. Notices about missing records are at their places.
    fn with(self, mut lines: VecDeque<Line>) -> Piece {
        let removed = self.removed.map(|(seq, time)| Line {
            seq,
            time,
            json: removed(seq, time),
        });
        let first = lines.front().filter(|_| self.is_cut);
        let cut = first.map(|first| Line {
            // A client that resumes here gets the first record.
            seq: first.seq.saturating_sub(1),
            time: first.time,
            json: cut(first.seq.saturating_sub(1), first.time),
        });
        for notice in removed.into_iter().chain(cut) {
            let place = lines.partition_point(|line| line.seq <= notice.seq);
            lines.insert(place, notice);
        }
        Piece {
            lines,
            cursor: self.cursor,
            is_last: self.is_last,
        }
    }
}

impl From<Page> for Piece {
    fn from(page: Page) -> Self {
        let head = PageHead::of(&page);
        let lines = page.records.into_iter().map(|found| Line {
            seq: found.seq,
            time: found.record.time,
            json: found.json,
        });
        head.with(lines.collect())
    }
}

/// Starts to read the records of a server. Dropping the set of tasks ends the reading.
pub(super) fn read(
    control: App,
    node: NodeId,
    address: String,
    asked: Asked,
    from: Read,
) -> (mpsc::Receiver<Event>, JoinSet<()>) {
    let (sender, events) = mpsc::channel(1);
    let mut task = JoinSet::new();
    task.spawn(async move {
        let is_own = control.store.node() == Some(&node);
        let server = if is_own {
            local(control, &asked).await.map(Server::Own)
        } else {
            let peer = Peer::new(&control, node, &address);
            let peer = peer.map_err(|error| error.to_string());
            peer.map(|peer| Server::Other(control, Box::new(peer)))
        };
        match server {
            Ok(server) => run(server, asked, from, sender).await,
            Err(reason) => {
                // Fails only if the receiver was dropped.
                let _ = sender.send(Event::Lost(reason)).await;
            }
        }
    });
    (events, task)
}

async fn local(control: App, asked: &Asked) -> Result<Box<Reading>, String> {
    let reading = Reading::new(control, asked.function.clone(), asked.query.clone()).await;
    let reading = reading.map_err(|error| error.into_texts().0)?;
    Ok(Box::new(reading))
}

enum Server {
    Own(Box<Reading>),
    Other(App, Box<Peer>),
}

async fn run(mut server: Server, mut asked: Asked, from: Read, sender: mpsc::Sender<Event>) {
    let mut from = from;
    let mut waits = false;
    let mut fails_since = None;
    let mut is_lost = false;
    loop {
        let begun = Instant::now();
        match server.page(&asked, from, waits).await {
            Ok(piece) => {
                let is_news = is_lost || !waits || !piece.lines.is_empty();
                from = Read::After(piece.cursor);
                (waits, fails_since, is_lost) = (piece.is_last, None, false);
                if is_news && sender.send(Event::Piece(piece)).await.is_err() {
                    return;
                }
                if waits && !asked.follows {
                    return;
                }
            }
            Err(reason) => {
                let since = *fails_since.get_or_insert(begun);
                if !is_lost && (!asked.follows || since.elapsed() >= PATIENCE) {
                    is_lost = true;
                    if sender.send(Event::Lost(reason)).await.is_err() || !asked.follows {
                        return;
                    }
                    if matches!(from, Read::Last(_)) {
                        // The last records of the other servers were already sent, so only new records of this server
                        // can follow.
                        let now = Some(Timestamp::now());
                        asked.query.since = asked.query.since.max(now);
                        from = Read::After(0);
                    }
                }
                waits = false;
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

impl Server {
    /// Reads a page. With `waits`, waits up to [`WAIT`] for a record.
    async fn page(&mut self, asked: &Asked, from: Read, waits: bool) -> Result<Piece, String> {
        match self {
            Self::Own(reading) => {
                let from = match from {
                    Read::After(cursor) => Read::After(cursor.min(reading.watch.last_seq())),
                    last @ Read::Last(_) => last,
                };
                if let Read::After(cursor) = from
                    && waits
                {
                    reading.watch.wait_beyond(cursor).await;
                }
                let page = reading.read(from).await;
                page.map(Piece::from).map_err(|error| error.to_string())
            }
            Self::Other(control, peer) => {
                let wait = if waits { WAIT } else { Duration::ZERO };
                let target = target("logs", asked, from, wait);
                let answer = peer.get(&target, control.clock.now_ms(), wait).await;
                let answer = answer.map_err(|error| error.to_string())?;
                parse(&answer).map_err(|error| format!("its answer cannot be read ({error})"))
            }
        }
    }
}

/// Returns the path and query of a request to another server.
pub(super) fn target(route: &str, asked: &Asked, from: Read, wait: Duration) -> String {
    let mut query = Serializer::new(String::new());
    match from {
        Read::Last(count) => query.append_pair("tail", &count.to_string()),
        Read::After(cursor) => query.append_pair("after", &cursor.to_string()),
    };
    let Query {
        since,
        until,
        level,
        request,
        deployment,
        ..
    } = &asked.query;
    let pairs = [
        ("since", since.map(|time| time.to_string())),
        ("until", until.map(|time| time.to_string())),
        ("level", level.map(|level| level.to_string())),
        ("request", request.clone()),
        ("deployment", deployment.as_ref().map(ToString::to_string)),
        ("filter", asked.filter.clone()),
        (
            "wait_ms",
            (!wait.is_zero()).then(|| wait.as_millis().to_string()),
        ),
    ];
    for (name, value) in pairs {
        if let Some(value) = value {
            query.append_pair(name, &value);
        }
    }
    format!("/v1/nodes/{route}/{}?{}", asked.function, query.finish())
}

fn parse(answer: &[u8]) -> io::Result<Piece> {
    #[derive(Deserialize)]
    struct Stamp {
        seq: u64,
        time: Timestamp,
    }
    let text = std::str::from_utf8(answer).map_err(io::Error::other)?;
    let (head, lines) = text.split_once('\n').unwrap_or((text, ""));
    let head: PageHead = serde_json::from_str(head)?;
    let lines = lines.lines().map(|json| {
        let Stamp { seq, time } = serde_json::from_str(json)?;
        Ok(Line {
            seq,
            time,
            json: json.to_owned(),
        })
    });
    let lines = lines.collect::<io::Result<VecDeque<_>>>()?;
    Ok(head.with(lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(seq: u64) -> Line {
        let time = Timestamp::from_second(i64::try_from(seq).unwrap()).unwrap();
        Line {
            seq,
            time,
            json: format!("{{\"seq\":{seq}}}"),
        }
    }

    #[test]
    fn notices_are_at_their_places() {
        for (removed, is_cut, expected) in [
            (None, false, "3 4 8"),
            (Some(1), false, "1:log.removed 3 4 8"),
            (Some(5), false, "3 4 5:log.removed 8"),
            (Some(9), false, "3 4 8 9:log.removed"),
            (None, true, "2:log.cut 3 4 8"),
            (Some(1), true, "1:log.removed 2:log.cut 3 4 8"),
            (Some(5), true, "2:log.cut 3 4 5:log.removed 8"),
        ] {
            let head = PageHead {
                cursor: 9,
                is_last: true,
                removed: removed.map(|seq| (seq, line(seq).time)),
                is_cut,
            };
            let piece = head.with([3, 4, 8].map(line).into());
            assert!(piece.lines.iter().is_sorted_by_key(|line| line.time));
            let shown = piece.lines.iter().map(|line| {
                let record: serde_json::Value = serde_json::from_str(&line.json).unwrap();
                assert_eq!(record["seq"], line.seq);
                let event = record["event"].as_str().map(|event| format!(":{event}"));
                format!("{}{}", line.seq, event.unwrap_or_default())
            });
            assert_eq!(shown.collect::<Vec<_>>().join(" "), expected);
        }
    }

    #[test]
    fn the_notice_of_a_cut_has_the_time_for_the_next_request() {
        let time: Timestamp = "2026-11-29T10:30:00.123Z".parse().unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&cut(7, time)).unwrap()["message"],
            "earlier records are left out, because the last records of an answer have at most 16 MiB; `--until \
             2026-11-29T10:30:00.124Z` shows them"
        );
    }
}
