//! Operations on the log records of a function.

use std::fmt;
use std::io::{BufRead, BufReader, Lines};

use jelou_core::Slug;
use jelou_core::api::{CallGroup, List};
use ureq::BodyReader;

use super::functions::function;
use crate::path::Path;
use crate::{Client, ClientError};

impl Client {
    /// Returns the operations on a function's log.
    pub fn logs<'a>(&'a self, function: &'a Slug) -> Logs<'a> {
        Logs {
            client: self,
            function,
        }
    }
}

/// The operations on a function's log.
#[derive(Debug)]
pub struct Logs<'a> {
    client: &'a Client,
    function: &'a Slug,
}

/// Selects log records. The texts have the format of the API.
#[derive(Debug, Clone, Default)]
pub struct LogsQuery {
    pub since: Option<String>,
    pub until: Option<String>,
    /// Maximum number of records. The newest records are returned.
    pub tail: Option<usize>,
    pub level: Option<String>,
    pub request: Option<String>,
    pub deployment: Option<String>,
    pub filter: Option<String>,
}

/// An event in a stream of log records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEvent {
    /// A record, as one line of JSON.
    Record { id: String, json: String },
    /// A keep-alive. The server has examined all records up to this position.
    Alive { id: Option<String> },
}

/// Iterator over log records in ascending order, each as one line of JSON.
pub struct LogLines(Lines<BufReader<BodyReader<'static>>>);

impl fmt::Debug for LogLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogLines").finish_non_exhaustive()
    }
}

impl Iterator for LogLines {
    type Item = std::io::Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

/// Iterator over a stream of log records. It ends when the connection ends.
pub struct LogEvents(Lines<BufReader<BodyReader<'static>>>);

impl fmt::Debug for LogEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogEvents").finish_non_exhaustive()
    }
}

impl Iterator for LogEvents {
    type Item = std::io::Result<LogEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut id, mut json) = (None, None);
        loop {
            let line = match self.0.next()? {
                Ok(line) => line,
                Err(error) => return Some(Err(error)),
            };
            if line.is_empty() {
                return Some(Ok(match (id, json) {
                    (Some(id), Some(json)) => LogEvent::Record { id, json },
                    (id, _) => LogEvent::Alive { id },
                }));
            }
            if let Some(position) = line.strip_prefix("id: ") {
                id = Some(position.to_owned());
            } else if let Some(data) = line.strip_prefix("data: ") {
                json = Some(data.to_owned());
            }
        }
    }
}

impl Logs<'_> {
    fn path(&self) -> Path {
        function(self.function).segment("logs")
    }

    /// Reads the records that are stored now.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn read(&self, query: &LogsQuery) -> Result<LogLines, ClientError> {
        let path = query.add_to(self.path());
        let answer = self.client.open(&path, "application/x-ndjson", None)?;
        Ok(LogLines(lines(answer)))
    }

    /// Reads the records of the query, or those after the record with the id `last_seen`, and then all new records.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn follow(
        &self,
        query: &LogsQuery,
        last_seen: Option<&str>,
    ) -> Result<LogEvents, ClientError> {
        let path = query.add_to(self.path()).query("follow", true);
        let answer = self.client.open(&path, "text/event-stream", last_seen)?;
        Ok(LogEvents(lines(answer)))
    }

    /// Returns sums of calls, grouped by the values of the fields `by`.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn statistics(&self, query: &LogsQuery, by: &str) -> Result<Vec<CallGroup>, ClientError> {
        let path = query.add_to(self.path().segment("stats")).query("by", by);
        let groups: List<CallGroup> = self.client.get(&path)?;
        Ok(groups.items)
    }
}

impl LogsQuery {
    fn add_to(&self, mut path: Path) -> Path {
        let texts = [
            ("since", &self.since),
            ("until", &self.until),
            ("level", &self.level),
            ("request", &self.request),
            ("deployment", &self.deployment),
            ("filter", &self.filter),
        ];
        for (key, value) in texts {
            if let Some(value) = value {
                path = path.query(key, value);
            }
        }
        match self.tail {
            Some(tail) => path.query("tail", tail),
            None => path,
        }
    }
}

fn lines(answer: ureq::http::Response<ureq::Body>) -> Lines<BufReader<BodyReader<'static>>> {
    BufReader::new(answer.into_body().into_reader()).lines()
}
