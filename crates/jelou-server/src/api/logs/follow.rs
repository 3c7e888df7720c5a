//! Reads records for one client, no faster than the client receives them.

use std::fmt::Write as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http_body::Frame;
use jelou_core::api::CallGroup;
use jelou_core::{FunctionId, Slug};
use jelou_logs::{GroupBy, Page, Query, TokenNames, Watch};
use tokio::sync::{Semaphore, mpsc};

use crate::api::app::App;
use crate::api::problem::ApiError;
use crate::control::ControlError;

/// Maximum bytes of records in one page.
const PAGE_BYTES: usize = 256 * 1024;
/// Interval of keep-alive lines in a stream without records, so that a broken connection is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Limits how many pages are read at the same time for all clients.
static READERS: Semaphore = Semaphore::const_new(4);

/// The first record of a response.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start {
    /// The last records, this many.
    Last(usize),
    /// The first record after this sequence number.
    After(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// One JSON object per line. The response ends with the last record.
    Lines,
    /// Server-sent events. The response continues with new records.
    Events,
}

/// A client's request for records, and the parts that are needed to read them.
pub(super) struct Reading {
    control: App,
    slug: Slug,
    function: FunctionId,
    query: Arc<Query>,
    names: Arc<TokenNames>,
    watch: Watch,
}

impl Reading {
    pub(super) async fn new(
        control: App,
        slug: Slug,
        function: FunctionId,
        query: Query,
    ) -> Result<Self, ApiError> {
        let names = token_names(&control, &function).await?;
        let (logs, id) = (control.logs.clone(), function.clone());
        let watch = blocking(move || logs.watch(&id))
            .await
            .map_err(|error| unreadable(&error))?;
        Ok(Self {
            control,
            slug,
            function,
            query: Arc::new(query),
            names: Arc::new(names),
            watch,
        })
    }

    pub(super) async fn statistics(self, by: Vec<GroupBy>) -> Result<Vec<CallGroup>, ApiError> {
        let Self {
            control,
            function,
            query,
            names,
            ..
        } = self;
        let logs = control.logs.clone();
        let groups = blocking(move || logs.statistics(&function, &query, &names, &by)).await;
        groups.map_err(|error| unreadable(&error))
    }

    pub(super) fn respond(self, start: Start, format: Format) -> Response {
        // Capacity for one page, so that it is read while the client receives the previous page.
        let (sender, pages) = mpsc::channel(1);
        tokio::spawn(async move {
            if let Err(error) = self.run(start, format, &sender).await {
                tracing::warn!(%error, "cannot read the log of a function");
                // Aborts the response, so that the client does not consider it complete.
                let _ = sender.send(Err(error)).await;
            }
        });
        let mut response = Response::new(Body::new(Pages(pages)));
        let content_type = match format {
            Format::Lines => "application/x-ndjson",
            Format::Events => "text/event-stream",
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        response
    }

    async fn run(
        mut self,
        start: Start,
        format: Format,
        sender: &mpsc::Sender<io::Result<Bytes>>,
    ) -> io::Result<()> {
        if format == Format::Events && !send(sender, ": records follow\n\n".to_owned()).await {
            return Ok(());
        }
        let mut cursor = match start {
            Start::After(after) => after.min(self.watch.last_seq()),
            Start::Last(count) => {
                let page = self.read(Read::Last(count)).await?;
                if !send(sender, written(&page, format)).await {
                    return Ok(());
                }
                if format == Format::Lines {
                    return Ok(());
                }
                page.cursor
            }
        };
        loop {
            let page = self.read(Read::After(cursor)).await?;
            cursor = page.cursor;
            if !send(sender, written(&page, format)).await {
                return Ok(());
            }
            if page.is_last && (format == Format::Lines || !self.wait(cursor, sender).await) {
                return Ok(());
            }
        }
    }

    /// Waits for a record after `cursor`. Returns `false` at the end of the stream.
    async fn wait(&mut self, cursor: u64, sender: &mpsc::Sender<io::Result<Bytes>>) -> bool {
        let mut stopped = self.control.stopped.clone();
        loop {
            tokio::select! {
                more = self.watch.wait_beyond(cursor) => return more,
                () = tokio::time::sleep(HEARTBEAT) => {}
                () = sender.closed() => return false,
                _ = stopped.wait_for(|stopped| *stopped) => return false,
            }
            let exists = self.control.registry.function(self.slug.as_str());
            if exists.is_none_or(|function| function.id != self.function) {
                return false;
            }
            // The id is the position up to which records were examined, so that a client can resume there.
            if !send(sender, format!("id: {cursor}\n: alive\n\n")).await {
                return false;
            }
        }
    }

    /// Reads a page. If it contains calls of an unknown (new) token, reloads the names of tokens and reads the page
    /// again.
    async fn read(&mut self, read: Read) -> io::Result<Page> {
        let page = self.read_once(read).await?;
        if !page.has_unknown_token {
            return Ok(page);
        }
        match token_names(&self.control, &self.function).await {
            Ok(names) if names.len() != self.names.len() => {
                self.names = Arc::new(names);
                self.read_once(read).await
            }
            _ => Ok(page),
        }
    }

    async fn read_once(&self, read: Read) -> io::Result<Page> {
        let logs = self.control.logs.clone();
        let function = self.function.clone();
        let query = Arc::clone(&self.query);
        let names = Arc::clone(&self.names);
        blocking(move || match read {
            Read::Last(count) => logs.last(&function, &query, &names, count),
            Read::After(cursor) => logs.page(&function, &query, &names, cursor, PAGE_BYTES),
        })
        .await
    }
}

#[derive(Debug, Clone, Copy)]
enum Read {
    Last(usize),
    After(u64),
}

async fn token_names(control: &App, function: &FunctionId) -> Result<TokenNames, ApiError> {
    let names = control.store.token_names(function).await;
    let names = names.map_err(ControlError::from)?.into_iter();
    Ok(names.map(|(id, name)| (id, name.to_string())).collect())
}

/// Runs a read on a thread for blocking work.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    // The semaphore is never closed.
    let _turn = READERS.acquire().await;
    tokio::task::spawn_blocking(read)
        .await
        .map_err(io::Error::other)?
}

fn unreadable(error: &io::Error) -> ApiError {
    tracing::warn!(%error, "cannot read the log of a function");
    ApiError::unreadable_log()
}

/// Sends a piece once the client has read the previous ones. Returns `false` if the client has disconnected.
async fn send(sender: &mpsc::Sender<io::Result<Bytes>>, text: String) -> bool {
    text.is_empty() || sender.send(Ok(Bytes::from(text))).await.is_ok()
}

fn written(page: &Page, format: Format) -> String {
    let mut text = String::new();
    let mut write = |seq: u64, json: &str| {
        // Writing to a string cannot fail.
        let _ = match format {
            Format::Lines => writeln!(text, "{json}"),
            Format::Events => write!(text, "id: {seq}\ndata: {json}\n\n"),
        };
    };
    if let Some((seq, time)) = page.removed {
        let gap = serde_json::json!({
            "seq": seq,
            "time": time,
            "level": "WARN",
            "kind": "event",
            "event": "log.removed",
            "message": format!(
                "records up to {time:.0} were removed (logs.max_age_hours, logs.max_mib, logs.max_calls_mib, the server's)"
            ),
        });
        write(seq, &gap.to_string());
    }
    for found in &page.records {
        write(found.seq, &found.json);
    }
    text
}

/// A response body that consists of the received pages.
struct Pages(mpsc::Receiver<io::Result<Bytes>>);

impl http_body::Body for Pages {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let page = self.0.poll_recv(context);
        page.map(|page| page.map(|page| page.map(Frame::data)))
    }
}
