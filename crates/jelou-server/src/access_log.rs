//! The access log (`log.access`): one line of JSON on stderr per request, written by a dedicated thread.

use std::io::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use http::Request;
use jelou_core::{Clock, FunctionId, Slug, TokenId};
use jelou_logs::{CallEntry, Logs};
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::metrics::Metrics;

/// Maximum number of queued lines. Further lines are dropped and counted.
const QUEUE: usize = 16 * 1024;

/// Queues lines for the thread, without waiting.
#[derive(Debug, Clone)]
pub(crate) struct AccessLog {
    queue: SyncSender<Option<Box<Access>>>,
    clock: Clock,
    metrics: Arc<Metrics>,
}

/// The thread that writes the lines. [`AccessThread::stop`] writes the queued lines first.
#[derive(Debug)]
pub(crate) struct AccessThread {
    queue: SyncSender<Option<Box<Access>>>,
    thread: JoinHandle<()>,
}

/// One line of the log: a request and its response.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Access {
    log: &'static str,
    time: Timestamp,
    request_id: Option<String>,
    /// `None` for the management API, and for a host without a function.
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<Slug>,
    #[serde(skip)]
    function_id: Option<FunctionId>,
    /// Address of the caller. `None` if another function is the caller.
    address: Option<IpAddr>,
    method: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    /// Without the query, which may contain secrets.
    path: String,
    status: u16,
    duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_out: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<TokenId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

/// The data of a request's head, for requests without a function.
#[derive(Debug)]
pub(crate) struct AccessHead {
    method: String,
    host: Option<String>,
    path: String,
    started: std::time::Instant,
}

impl AccessHead {
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        let named = request.headers().get(http::header::HOST);
        let host = named.and_then(|host| host.to_str().ok());
        let authority = request.uri().authority().map(http::uri::Authority::as_str);
        Self {
            method: request.method().to_string(),
            host: authority.or(host).map(str::to_owned),
            path: request.uri().path().to_owned(),
            started: std::time::Instant::now(),
        }
    }
}

impl AccessLog {
    /// Starts the thread that writes the access log.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(
        logs: Logs,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<(Self, AccessThread)> {
        let (queue, lines) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write(&lines, &logs))?;
        let log = Self {
            queue: queue.clone(),
            clock,
            metrics,
        };
        Ok((log, AccessThread { queue, thread }))
    }

    pub(crate) fn call(
        &self,
        function: (&Slug, &FunctionId),
        address: Option<IpAddr>,
        call: &CallEntry,
    ) {
        let (slug, id) = function;
        self.send(Access {
            log: "access",
            time: self.clock.now(),
            request_id: Some(call.request_id.to_string()),
            function: Some(slug.clone()),
            function_id: Some(id.clone()),
            address,
            method: call.method.to_string(),
            host: None,
            path: call.path.to_string(),
            status: call.status,
            duration_ms: milliseconds(std::time::Duration::from_micros(call.duration_us)),
            bytes_in: call.bytes_in,
            bytes_out: Some(call.bytes_out),
            token: call.token.clone(),
            protocol: Some(call.protocol.as_str()),
            error: call.error,
        });
    }

    /// Logs a request to the management API, or to a host without a function.
    pub(crate) fn other(
        &self,
        head: AccessHead,
        address: Option<IpAddr>,
        request_id: Option<Uuid>,
        status: u16,
    ) {
        self.send(Access {
            log: "access",
            time: self.clock.now(),
            request_id: request_id.map(|id| id.to_string()),
            function: None,
            function_id: None,
            address,
            method: head.method,
            host: head.host,
            path: head.path,
            status,
            duration_ms: milliseconds(head.started.elapsed()),
            bytes_in: None,
            bytes_out: None,
            token: None,
            protocol: None,
            error: None,
        });
    }

    fn send(&self, access: Access) {
        if self.queue.try_send(Some(Box::new(access))).is_err() {
            self.metrics.server.access_lines_dropped.increment();
        }
    }
}

impl AccessThread {
    /// Writes the queued lines and ends the thread. Blocks.
    pub(crate) fn stop(self) {
        // Fails only if the thread has already ended.
        let _ = self.queue.send(None);
        if self.thread.join().is_err() {
            tracing::error!("the thread that writes the access log has panicked");
        }
    }
}

fn milliseconds(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

fn write(lines: &Receiver<Option<Box<Access>>>, logs: &Logs) {
    let mut buffer = Vec::new();
    let mut is_last = false;
    while !is_last {
        buffer.clear();
        let first = lines.recv().unwrap_or_default();
        for access in std::iter::once(first).chain(lines.try_iter().take(1000)) {
            let Some(mut access) = access else {
                is_last = true;
                break;
            };
            access.path = match &access.function_id {
                Some(id) => logs.redact_path(id, &access.path),
                None => jelou_token::redact_path(&access.path).into_owned(),
            };
            if serde_json::to_writer(&mut buffer, &access).is_ok() {
                buffer.push(b'\n');
            }
        }
        // An error means that stderr is closed, so nobody reads the log.
        let _ = std::io::stderr().lock().write_all(&buffer);
    }
}
