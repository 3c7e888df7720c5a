//! The stream of one function: its records in order, in two families of files.

use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use jelou_core::{DeploymentId, Level};
use jiff::Timestamp;
use tokio::sync::watch;

use crate::entry::Redacted;
use crate::record::{Content, Event, Kind, Record};
use crate::sampling::Unnumbered;
use crate::settings::LogSettings;
use crate::storage::{Family, Retention, View, indexed};

/// The names of the families, which are the start of their file names.
pub(crate) const LINES: &str = "lines";
pub(crate) const CALLS: &str = "calls";

/// The records of one function. Calls have separate files with a separate maximum size, so that calls never displace
/// lines.
#[derive(Debug)]
pub(crate) struct Stream {
    state: Mutex<State>,
    /// The last sequence number.
    last: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    lines: Family,
    calls: Family,
    next_seq: u64,
    /// Number of lost records that are not yet reported in the log, and the reason.
    lost: u64,
    lost_reason: String,
    /// Number of lost records since the last flush.
    newly_lost: u64,
    used: Instant,
    is_dirty: bool,
    line: String,
}

/// A consistent view of both families.
#[derive(Debug)]
pub(crate) struct StreamView {
    pub(crate) lines: View,
    pub(crate) calls: View,
    pub(crate) last_seq: u64,
}

impl Stream {
    /// Opens the files of a function, and cuts off an incomplete block or line that a crash left.
    ///
    /// # Errors
    /// When the files cannot be read or repaired.
    pub(crate) fn open(dir: &Path, settings: &LogSettings) -> io::Result<Self> {
        let max_age_ms = i64::try_from(settings.max_age.as_millis()).unwrap_or(i64::MAX);
        let family = |name, max_bytes| {
            let retention = Retention {
                max_age_ms,
                max_bytes,
            };
            Family::open(dir, name, retention)
        };
        let lines = family(LINES, settings.max_bytes)?;
        let calls = family(CALLS, settings.max_call_bytes)?;
        let last = lines.last_seq().max(calls.last_seq());
        Ok(Self {
            state: Mutex::new(State {
                lines,
                calls,
                next_seq: last + 1,
                lost: 0,
                lost_reason: String::new(),
                newly_lost: 0,
                used: Instant::now(),
                is_dirty: false,
                line: String::new(),
            }),
            last: watch::Sender::new(last),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends records in memory, and passes each to `seen`. [`Stream::flush`] writes them and notifies readers.
    pub(crate) fn append(
        &self,
        compressor: &mut zstd::bulk::Compressor<'_>,
        batch: impl Iterator<Item = Unnumbered>,
        mut seen: impl FnMut(&Record),
    ) {
        let mut state = self.lock();
        for (at_ms, deployment, redacted) in batch {
            let record = state.push(compressor, at_ms, deployment, redacted);
            seen(&record);
        }
    }

    /// Writes the new records to the files, so that they survive a crash of the process. Returns how many records were
    /// lost since the previous flush.
    pub(crate) fn flush(&self, compressor: &mut zstd::bulk::Compressor<'_>, now_ms: i64) -> u64 {
        let mut state = self.lock();
        if state.flush() && state.lost > 0 {
            let lost = std::mem::take(&mut state.lost);
            let message = format!("{lost} records dropped: {}", state.lost_reason);
            state.push(compressor, now_ms, None, gap(message));
            if !state.flush() {
                state.lost = lost;
            }
        }
        let newly_lost = std::mem::take(&mut state.newly_lost);
        let last = state.next_seq - 1;
        drop(state);
        self.last
            .send_if_modified(|seen| std::mem::replace(seen, last) != last);
        newly_lost
    }

    /// Syncs the records to the disk, and applies the retention. Does nothing without new records.
    pub(crate) fn sync(&self, now_ms: i64) -> io::Result<()> {
        let mut state = self.lock();
        if !state.is_dirty {
            return Ok(());
        }
        state.lines.sync(now_ms)?;
        state.calls.sync(now_ms)?;
        state.is_dirty = false;
        Ok(())
    }

    /// Applies the retention, even without new records.
    pub(crate) fn retain(&self, now_ms: i64) -> io::Result<()> {
        let mut state = self.lock();
        state.lines.sync(now_ms)?;
        state.calls.sync(now_ms)
    }

    /// Returns when the stream was last used.
    pub(crate) fn last_used(&self) -> Instant {
        self.lock().used
    }

    /// Returns a view of all records after this sequence number.
    pub(crate) fn view(&self, after: u64) -> StreamView {
        let mut state = self.lock();
        state.used = Instant::now();
        StreamView {
            lines: state.lines.view(after),
            calls: state.calls.view(after),
            last_seq: state.next_seq - 1,
        }
    }

    pub(crate) fn last_seq(&self) -> u64 {
        *self.last.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }
}

impl State {
    fn push(
        &mut self,
        compressor: &mut zstd::bulk::Compressor<'_>,
        at_ms: i64,
        deployment: Option<DeploymentId>,
        redacted: Redacted,
    ) -> Record {
        let record = Record {
            seq: self.next_seq,
            time: Timestamp::from_millisecond(at_ms).unwrap_or_default(),
            level: redacted.level,
            request_id: redacted.request_id,
            deployment,
            content: redacted.content,
        };
        self.line.clear();
        let content_start = record.write(&mut self.line);
        let family = match record.kind() {
            Kind::Call => &mut self.calls,
            Kind::Line | Kind::Event => &mut self.lines,
        };
        match family.push(compressor, &self.line, content_start, indexed(&record)) {
            Ok(()) => self.next_seq += 1,
            Err(error) => self.lose(1, &error),
        }
        self.is_dirty = true;
        self.used = Instant::now();
        record
    }

    /// Writes the pending lines of both families. Returns whether all were written.
    fn flush(&mut self) -> bool {
        let mut all = true;
        for family in [&mut self.lines, &mut self.calls] {
            if let Err((error, lines)) = family.flush() {
                self.lost += lines as u64;
                self.newly_lost += lines as u64;
                self.lost_reason = reason(&error);
                all = false;
            }
        }
        all
    }

    fn lose(&mut self, records: u64, error: &io::Error) {
        self.lost += records;
        self.newly_lost += records;
        self.lost_reason = reason(error);
    }
}

/// Returns the event that reports dropped records.
pub(crate) fn gap(message: String) -> Redacted {
    Redacted {
        level: Level::Warn,
        request_id: None,
        content: Content::Event(Event {
            event: "log.dropped".to_owned(),
            message,
        }),
    }
}

fn reason(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::StorageFull {
        "the disk of the server is full".to_owned()
    } else {
        format!(
            "they cannot be written to the server's disk: {}",
            error.kind()
        )
    }
}
