//! A log in a temporary folder.

use std::path::PathBuf;
use std::time::Duration;

use jelou_core::{Clock, DeploymentId, FunctionId};
use jelou_logs::{
    CallEntry, Entry, EntryContent, EventEntry, Found, Level, LogSettings, LogWriter, Logs,
    Protocol, Query, TokenNames,
};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) struct Log {
    pub(crate) dir: TempDir,
    pub(crate) function: FunctionId,
    pub(crate) deployment: DeploymentId,
    settings: LogSettings,
    running: Option<(Logs, LogWriter)>,
}

impl Log {
    pub(crate) fn new(settings: LogSettings) -> Self {
        let mut log = Self {
            dir: tempfile::tempdir().unwrap(),
            function: FunctionId::generate(),
            deployment: DeploymentId::generate(),
            settings,
            running: None,
        };
        log.start();
        log
    }

    pub(crate) fn start(&mut self) {
        let started = Logs::start(self.dir.path(), self.settings, Clock::system(), None);
        self.running = Some(started.unwrap());
    }

    /// Writes everything that was sent, and ends the writer.
    pub(crate) fn stop(&mut self) {
        let (logs, writer) = self.running.take().unwrap();
        drop(logs);
        writer.stop();
    }

    pub(crate) fn restart(&mut self) {
        self.stop();
        self.start();
    }

    pub(crate) fn logs(&self) -> &Logs {
        &self.running.as_ref().unwrap().0
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.dir.path().join(self.function.as_str())
    }

    pub(crate) fn send_at(&self, at_ms: i64, content: EntryContent) {
        self.logs().send(Entry {
            function: self.function.clone(),
            at_ms,
            deployment: Some(self.deployment.clone()),
            sample: 1.0,
            content,
        });
    }

    pub(crate) fn send(&self, content: EntryContent) {
        self.send_at(Clock::system().now_ms(), content);
    }

    pub(crate) fn line(&self, text: &str) {
        self.send(EntryContent::Output(text.to_owned()));
    }

    /// Sends a marker and waits until it can be read, so that everything before it is written. Returns how many markers
    /// were sent.
    pub(crate) fn settle(&self) -> usize {
        let mut sent = 0;
        let marker = Uuid::new_v4().to_string();
        let query = Query {
            filter: format!("\"{marker}\"").parse().unwrap(),
            ..Query::default()
        };
        for attempt in 0..10_000 {
            // The marker is sent repeatedly, because a full queue drops it.
            if attempt % 500 == 0 {
                self.send(EntryContent::Event(EventEntry {
                    level: Level::Debug,
                    event: "test.settled",
                    message: marker.clone(),
                    request_id: None,
                }));
                sent += 1;
            }
            if !self.last(&query, 1).is_empty() {
                return sent;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("the log was not written");
    }

    pub(crate) fn last(&self, query: &Query, count: usize) -> Vec<Found> {
        let names = TokenNames::new();
        let page = self.logs().last(&self.function, query, &names, count);
        page.unwrap().records
    }

    /// Reads all matching records, page by page.
    pub(crate) fn all(&self, query: &Query, names: &TokenNames, page_bytes: usize) -> Vec<Found> {
        let (mut found, mut cursor) = (Vec::new(), 0);
        loop {
            let page = self
                .logs()
                .page(&self.function, query, names, cursor, page_bytes);
            let page = page.unwrap();
            assert!(page.cursor > cursor || page.is_last);
            cursor = page.cursor;
            found.extend(page.records);
            if page.is_last {
                return found;
            }
        }
    }

    pub(crate) fn everything(&self) -> Vec<Found> {
        let mut all = self.all(&Query::default(), &TokenNames::new(), 100_000);
        all.retain(|found| !found.json.contains("test.settled"));
        all
    }

    /// Returns the bytes of the function's files.
    pub(crate) fn bytes(&self) -> u64 {
        let files = std::fs::read_dir(self.folder()).unwrap();
        files
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum()
    }
}

pub(crate) fn call(status: u16) -> CallEntry {
    CallEntry {
        request_id: Uuid::new_v4(),
        status,
        duration_us: 1500,
        cold: false,
        queue_us: 0,
        start_us: 0,
        method: "POST".into(),
        path: "/orders/7".into(),
        tool: None,
        token: None,
        protocol: Protocol::Http,
        bytes_in: Some(2),
        bytes_out: 11,
        hops: 0,
        error: None,
        trace_id: None,
        trace: None,
    }
}

/// Returns words that hardly compress.
pub(crate) fn filler(seed: usize, words: usize) -> String {
    let words = (0..words).map(|word| seed * 7919 + word * 1_299_709);
    let words: Vec<_> = words.map(|word| format!("{word:x}")).collect();
    words.join(" ")
}
