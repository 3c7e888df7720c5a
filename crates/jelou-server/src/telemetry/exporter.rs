//! Sends spans and log records to a collector, on a dedicated thread.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use jelou_core::FunctionId;
use jelou_logs::{Content, Record};
use serde::Serialize;
use uuid::Uuid;

use super::convert;
use super::otlp::{
    LogRecord, Logs, Resource, ResourceLogs, ResourceSpans, Scope, ScopeLogs, ScopeSpans, Span,
    Traces, text,
};
use crate::config::Otlp;
use crate::metrics::Metrics;
use crate::registry::Registry;

/// Maximum number of queued records. Further records are dropped and counted.
const QUEUE: usize = 16 * 1024;
/// Maximum number of records in a batch.
const BATCH: usize = 2048;
/// How long records are collected before a batch is sent.
const PERIOD: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long the exporter retries a batch that the collector does not accept.
const RETRY: Duration = Duration::from_mins(1);
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// Maximum number of requests whose caller's trace is kept for their log lines.
const MAX_FOREIGN: usize = 10_000;

/// Queues records for the thread, without waiting.
#[derive(Debug, Clone)]
pub(crate) struct Exporter {
    queue: SyncSender<Message>,
    foreign: Arc<Mutex<ForeignTraces>>,
    metrics: Arc<Metrics>,
    settings: Arc<Otlp>,
}

/// The thread that sends the records. [`ExportThread::stop`] sends the queued records first.
#[derive(Debug)]
pub(crate) struct ExportThread {
    queue: SyncSender<Message>,
    is_stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
enum Message {
    Record(FunctionId, Box<Record>),
    Stop,
}

/// By request: its trace, if the trace began at the caller. Traces of other requests have the id of the request.
#[derive(Debug, Default)]
struct ForeignTraces {
    traces: HashMap<Uuid, u128>,
    order: VecDeque<Uuid>,
}

impl Exporter {
    /// # Errors
    /// If the thread cannot be started.
    pub(crate) fn start(
        settings: Otlp,
        registry: Arc<Registry>,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<(Self, ExportThread)> {
        let (queue, records) = sync_channel(QUEUE);
        let exporter = Self {
            queue: queue.clone(),
            foreign: Arc::default(),
            metrics,
            settings: Arc::new(settings),
        };
        let is_stopping = Arc::<AtomicBool>::default();
        let worker = Worker {
            agent: agent(),
            exporter: exporter.clone(),
            registry,
            is_stopping: Arc::clone(&is_stopping),
        };
        let thread = std::thread::Builder::new()
            .name("telemetry".to_owned())
            .spawn(move || worker.run(&records))?;
        let thread = ExportThread {
            queue,
            is_stopping,
            thread,
        };
        Ok((exporter, thread))
    }

    /// Keeps the caller's trace for the log lines of a request.
    pub(crate) fn note_trace(&self, request: Uuid, trace: u128) {
        let mut foreign = self.foreign();
        if foreign.order.len() == MAX_FOREIGN
            && let Some(oldest) = foreign.order.pop_front()
        {
            foreign.traces.remove(&oldest);
        }
        foreign.order.push_back(request);
        foreign.traces.insert(request, trace);
    }

    /// Queues a record, if its kind is exported.
    pub(crate) fn send(&self, function: &FunctionId, record: &Record) {
        let is_wanted = match &record.content {
            Content::Call(call) => self.settings.traces && call.trace.is_some(),
            Content::Line(_) | Content::Event(_) => self.settings.logs,
        };
        if !is_wanted {
            return;
        }
        let message = Message::Record(function.clone(), Box::new(record.clone()));
        if self.queue.try_send(message).is_err() {
            self.metrics.server.telemetry_dropped.increment();
        }
    }

    /// Returns the fraction of new traces that are recorded. `None` if traces are not exported.
    pub(crate) fn sample(&self) -> Option<f64> {
        self.settings.traces.then_some(self.settings.sample)
    }

    fn trace_of(&self, request: Uuid) -> u128 {
        let foreign = self.foreign().traces.get(&request).copied();
        foreign.unwrap_or(request.as_u128())
    }

    fn foreign(&self) -> MutexGuard<'_, ForeignTraces> {
        self.foreign.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ExportThread {
    /// Tries once to send the queued records, and ends the thread. Blocks.
    pub(crate) fn stop(self) {
        self.is_stopping.store(true, Ordering::Release);
        self.thread.thread().unpark();
        // Fails only if the thread has already ended.
        let _ = self.queue.send(Message::Stop);
        if self.thread.join().is_err() {
            tracing::error!("the thread that exports telemetry has panicked");
        }
    }
}

struct Worker {
    agent: ureq::Agent,
    exporter: Exporter,
    registry: Arc<Registry>,
    /// Set when the server stops: then failed batches are not sent again.
    is_stopping: Arc<AtomicBool>,
}

impl Worker {
    fn run(self, records: &Receiver<Message>) {
        let mut is_last = false;
        while !is_last {
            let mut batch: HashMap<FunctionId, (Vec<Span>, Vec<LogRecord>)> = HashMap::new();
            let until = Instant::now() + PERIOD;
            let mut count = 0;
            while count < BATCH && !is_last {
                let left = until.saturating_duration_since(Instant::now());
                match records.recv_timeout(left) {
                    Ok(Message::Record(function, record)) => {
                        count += 1;
                        let (spans, logs) = batch.entry(function).or_default();
                        match &record.content {
                            Content::Call(call) => spans.extend(convert::spans(&record, call)),
                            _ => logs.extend(convert::log_record(&record, |request| {
                                self.exporter.trace_of(request)
                            })),
                        }
                    }
                    Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => {
                        is_last = true;
                    }
                    Err(RecvTimeoutError::Timeout) => break,
                }
            }
            self.export(batch);
        }
    }

    fn export(&self, batch: HashMap<FunctionId, (Vec<Span>, Vec<LogRecord>)>) {
        let slugs: HashMap<_, _> = self
            .registry
            .functions()
            .into_iter()
            .map(|function| (function.id.clone(), function.slug.to_string()))
            .collect();
        let (mut traces, mut logs) = (Vec::new(), Vec::new());
        for (function, (spans, records)) in batch {
            let name = slugs
                .get(&function)
                .map_or(function.as_str(), String::as_str);
            let resource = || Resource {
                attributes: vec![
                    text("service.name", name),
                    text("service.namespace", "jelou"),
                    text("faas.name", name),
                    text("jelou.function.id", function.as_str()),
                ],
            };
            if !spans.is_empty() {
                traces.push(ResourceSpans {
                    resource: resource(),
                    scope_spans: [ScopeSpans {
                        scope: Scope::OWN,
                        spans,
                    }],
                });
            }
            if !records.is_empty() {
                logs.push(ResourceLogs {
                    resource: resource(),
                    scope_logs: [ScopeLogs {
                        scope: Scope::OWN,
                        log_records: records,
                    }],
                });
            }
        }
        if !traces.is_empty() {
            let count = traces
                .iter()
                .map(|one| one.scope_spans[0].spans.len())
                .sum();
            let body = Traces {
                resource_spans: traces,
            };
            self.post("v1/traces", &body, count);
        }
        if !logs.is_empty() {
            let count = logs
                .iter()
                .map(|one| one.scope_logs[0].log_records.len())
                .sum();
            let body = Logs {
                resource_logs: logs,
            };
            self.post("v1/logs", &body, count);
        }
    }

    /// Sends a batch, and retries after temporary errors (OTLP specification, section "Failures").
    fn post(&self, path: &str, body: &impl Serialize, count: usize) {
        let Ok(body) = serde_json::to_vec(body) else {
            return;
        };
        let Otlp {
            endpoint, headers, ..
        } = &*self.exporter.settings;
        let url = format!("{}/{path}", endpoint.trim_end_matches('/'));
        let began = Instant::now();
        let mut pause = Duration::from_millis(500);
        let reason = loop {
            let mut request = self
                .agent
                .post(&url)
                .header("content-type", "application/json");
            for (name, value) in headers {
                request = request.header(name, value.as_str());
            }
            let (may_pass, reason) = match request.send(&body[..]) {
                Ok(answer) if answer.status().is_success() => {
                    return self
                        .exporter
                        .metrics
                        .server
                        .telemetry_sent
                        .add(count as u64);
                }
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    let may_pass = matches!(status, 429 | 502 | 503 | 504);
                    (may_pass, format!("it answered {status}"))
                }
                Err(error) => (true, error.to_string()),
            };
            let is_stopping = self.is_stopping.load(Ordering::Acquire);
            if !may_pass || is_stopping || began.elapsed() + pause > RETRY {
                break reason;
            }
            std::thread::park_timeout(pause);
            pause = (pause * 2).min(MAX_PAUSE);
        };
        self.exporter
            .metrics
            .server
            .telemetry_failed
            .add(count as u64);
        tracing::warn!(%url, reason, records = count, "the collector does not take telemetry (otlp.endpoint)");
    }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .max_redirects(0)
        .build();
    config.into()
}
