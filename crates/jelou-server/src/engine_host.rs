//! The server's services for the engine: routing of calls between functions, the log, and secrets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, header};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jelou_core::secret_key::PREVIEW_VARIABLE;
use jelou_core::{PreviewId, Slug};
use jelou_engine::{Caller, Host, KillReason, LogLine, LogSink, LogSource};
use jelou_logs::{Entry, EntryContent, EventEntry, Logs};
use jelou_store::{SecretRecord, Store, Vault};
use tokio::net::UnixStream;
use tracing::Level;
use zeroize::Zeroizing;

use crate::egress::Egress;
use crate::function_identity::{self, FunctionIdentity};
use crate::gateway::{self, Gateway, GatewayBody};
use crate::listener::{MAX_HEADERS, http1};
use crate::memory::FunctionMemory;
use crate::oidc::IdentityIssuer;
use crate::registry::{Function, Registry};
use crate::router;

/// The host name that is reserved for requests of workers to the server itself.
const INTERNAL_HOST: &str = "jelou.internal";
/// Header of a call by a function: the id of the request that the function is handling.
const PARENT_HEADER: &str = "x-jelou-parent";

#[derive(Debug)]
pub(crate) struct ServerHost {
    registry: Arc<Registry>,
    gateway: Arc<Gateway>,
    store: Store,
    memory: Arc<FunctionMemory>,
    identity: Arc<FunctionIdentity>,
    /// `None` if functions connect to the network directly.
    egress: Option<Arc<Egress>>,
    /// Whether log lines of functions are also written to the server's own log.
    prints_logs: bool,
}

impl ServerHost {
    pub(crate) fn new(
        registry: Arc<Registry>,
        gateway: Arc<Gateway>,
        store: Store,
        issuer: Arc<IdentityIssuer>,
        egress: Option<Egress>,
        prints_logs: bool,
    ) -> Self {
        let memory = Arc::new(FunctionMemory::new(store.clone(), &gateway.limits));
        let identity = Arc::new(FunctionIdentity::new(issuer, Arc::clone(&registry)));
        Self {
            registry,
            gateway,
            store,
            memory,
            identity,
            egress: egress.map(Arc::new),
            prints_logs,
        }
    }
}

/// Answers a worker's request: a call of another function, `ctx.memory`, `ctx.identity`, or a request through the
/// egress proxy.
async fn answer_worker(
    gateway: &Gateway,
    (memory, identity): (&FunctionMemory, &FunctionIdentity),
    egress: Option<&Egress>,
    worker: &Caller,
    request: Request<Incoming>,
) -> Response<GatewayBody> {
    let parent = request.headers().get(PARENT_HEADER).cloned();
    let parent = parent.as_ref().and_then(|id| id.to_str().ok());
    if request.uri().host().or_else(|| host_header(&request)) == Some(INTERNAL_HOST) {
        if request.uri().path() == function_identity::PATH {
            return identity.answer(worker, parent, request).await;
        }
        return memory.answer(worker, parent, request).await;
    }
    let target = gateway.target(&request);
    if let (None, Some(egress)) = (&target, egress) {
        let function = gateway.registry.function(worker.function.as_str());
        return egress.send(function.as_deref(), request).await;
    }
    let caller = gateway::Caller {
        address: None,
        by_proxy: false,
        hops: worker.hops_of(parent) + 1,
    };
    router::answer(gateway, request, target.unwrap_or_default(), caller).await
}

fn host_header(request: &Request<Incoming>) -> Option<&str> {
    request.headers().get(header::HOST)?.to_str().ok()
}

impl Host for ServerHost {
    fn egress(&self, stream: UnixStream, caller: Caller) {
        let gateway = Arc::clone(&self.gateway);
        let memory = Arc::clone(&self.memory);
        let identity = Arc::clone(&self.identity);
        let egress = self.egress.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let egress = egress.as_deref();
                let answered =
                    answer_worker(&gateway, (&memory, &identity), egress, &caller, request);
                async { Ok::<_, std::convert::Infallible>(answered.await) }
            });
            let served = http1::limited()
                .max_headers(MAX_HEADERS)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            if let Err(error) = served.await {
                tracing::debug!(%error, function = %caller.function, "call to another function ended");
            }
        });
    }

    fn secrets(
        &self,
        function: &Slug,
        preview: Option<&PreviewId>,
    ) -> Result<BTreeMap<String, Zeroizing<String>>, String> {
        match self.registry.owner(function.as_str(), preview) {
            Some(function) => unsealed(self.store.vault(), &self.gateway.logs, &function),
            None if preview.is_some() => Err("the preview was deleted".to_owned()),
            // A first deploy starts processes before the function exists.
            None => {
                let inherited = self.registry.organisation_secrets.load();
                decrypted(self.store.vault(), &inherited)
            }
        }
    }
}

/// Returns the decrypted secrets of a function or a preview. A preview also gets its name as a variable.
///
/// # Errors
/// A secret cannot be decrypted. The text names the cause.
pub(crate) fn unsealed(
    vault: &Vault,
    logs: &Logs,
    function: &Function,
) -> Result<BTreeMap<String, Zeroizing<String>>, String> {
    let mut secrets = decrypted(vault, &function.secrets.load())?;
    // Registered for redaction before the process can log any of them.
    let values = secrets.values().map(|value| value.as_str());
    logs.add_secrets(&function.id, values);
    if let Some(preview) = &function.preview {
        // Replaces a secret of this name from a version that allowed it.
        let name = Zeroizing::new(preview.name.to_string());
        secrets.insert(PREVIEW_VARIABLE.to_owned(), name);
    }
    Ok(secrets)
}

/// # Errors
/// A secret cannot be decrypted. The text names the cause.
pub(crate) fn decrypted(
    vault: &Vault,
    secrets: &[SecretRecord],
) -> Result<BTreeMap<String, Zeroizing<String>>, String> {
    secrets
        .iter()
        .map(|secret| {
            vault
                .unseal(&secret.owner, &secret.key, &secret.sealed)
                .map(|value| (secret.key.to_string(), value))
                .map_err(|error| error.to_string())
        })
        .collect()
}

impl LogSink for ServerHost {
    fn log(&self, source: &LogSource, line: LogLine) {
        if self.prints_logs {
            self.print(source, &line);
        }
        self.count(source, &line);
        self.gateway.logs.send(Entry {
            function: source.function_id.clone(),
            at_ms: self.gateway.clock.now_ms(),
            deployment: Some(source.deployment.clone()),
            sample: source.sample,
            content: entry_of(line),
        });
    }
}

fn entry_of(line: LogLine) -> EntryContent {
    let (level, event, message) = match line {
        LogLine::Output(text) => return EntryContent::Output(text),
        LogLine::Engine(text) => return EntryContent::Text(jelou_logs::Level::Error, text),
        LogLine::Started { took, why } => (
            jelou_logs::Level::Debug,
            "process.started",
            started(took, why),
        ),
        LogLine::Killed { reason, .. } => (
            jelou_logs::Level::Error,
            "process.killed",
            format!("the function's process was ended: {reason}"),
        ),
        LogLine::AtLimit(what) => (
            jelou_logs::Level::Warn,
            "process.at_limit",
            format!("the function's process has {what}"),
        ),
        LogLine::Unfinished(text) => (jelou_logs::Level::Warn, "process.unfinished", text),
        LogLine::Unresolved(text) => (jelou_logs::Level::Warn, "egress.unresolved", text),
        LogLine::Dropped {
            lines,
            lines_per_second,
        } => (
            jelou_logs::Level::Warn,
            "log.dropped",
            format!(
                "{lines} lines dropped: more than {lines_per_second} in a second (limits.max_log_lines_per_second, a server setting)"
            ),
        ),
        LogLine::Died(reason) => (
            jelou_logs::Level::Error,
            "process.crashed",
            format!("the function's process ended: {reason}"),
        ),
    };
    EntryContent::Event(EventEntry {
        level,
        event,
        message,
        request_id: None,
    })
}

impl ServerHost {
    fn count(&self, source: &LogSource, line: &LogLine) {
        if matches!(line, LogLine::Output(_) | LogLine::Engine(_)) {
            return;
        }
        let (slug, preview) = (source.function.as_str(), source.preview.as_ref());
        let Some(function) = self.registry.owner(slug, preview) else {
            return;
        };
        let counters = &function.metrics.counters;
        match line {
            LogLine::Started { took, .. } => {
                counters.process_starts.increment();
                self.gateway.metrics.process_starts.record(*took);
            }
            LogLine::Died(_) => counters.crashes.increment(),
            LogLine::Killed { kind, .. } => match kind {
                KillReason::Memory => counters.over_memory.increment(),
                KillReason::Stall => counters.stalls.increment(),
                KillReason::Channel => counters.closed_channels.increment(),
            },
            LogLine::Dropped { lines, .. } => counters.log_lines_dropped.add(*lines),
            _ => {}
        }
    }

    /// Writes the line to the server's own log.
    fn print(&self, source: &LogSource, line: &LogLine) {
        let redact = |text: &str| {
            let text = self.gateway.logs.redact(&source.function_id, text);
            jelou_core::printable(&text).into_owned()
        };
        let (level, text) = match line {
            LogLine::Output(text) => (level_of(text), redact(text)),
            LogLine::Engine(text) => (Level::ERROR, redact(text)),
            LogLine::Started { took, why } => (Level::DEBUG, started(*took, why)),
            LogLine::Unfinished(text) | LogLine::Unresolved(text) => (Level::WARN, text.clone()),
            LogLine::Killed { reason, .. } => (
                Level::ERROR,
                format!("the function's process was ended: {reason}"),
            ),
            LogLine::AtLimit(what) => (Level::WARN, format!("the function's process has {what}")),
            LogLine::Dropped {
                lines,
                lines_per_second,
            } => (
                Level::WARN,
                format!(
                    "{lines} lines were dropped: more than {lines_per_second} in a second (limits.max_log_lines_per_second, a server setting)"
                ),
            ),
            LogLine::Died(reason) => (
                Level::ERROR,
                format!("the function's process ended: {reason}"),
            ),
        };
        let function = source.function.as_str();
        let deployment = source.deployment.as_str();
        match level {
            Level::ERROR => tracing::error!(target: "function", function, deployment, "{text}"),
            Level::WARN => tracing::warn!(target: "function", function, deployment, "{text}"),
            Level::DEBUG => tracing::debug!(target: "function", function, deployment, "{text}"),
            _ => tracing::info!(target: "function", function, deployment, "{text}"),
        }
    }
}

fn started(took: Duration, why: &str) -> String {
    format!("a process started in {} ms: {why}", took.as_millis())
}

/// Returns the level of a worker's log line. A line that is not the worker's JSON has the level INFO.
fn level_of(line: &str) -> Level {
    // The first match is the level field, because quotes inside values are escaped.
    let level = line
        .strip_prefix("{\"requestId\":")
        .and_then(|line| line.split_once(",\"level\":\""))
        .and_then(|(_, rest)| rest.split_once('"'));
    match level {
        Some(("ERROR", _)) => Level::ERROR,
        Some(("WARN", _)) => Level::WARN,
        Some(("DEBUG", _)) => Level::DEBUG,
        _ => Level::INFO,
    }
}
