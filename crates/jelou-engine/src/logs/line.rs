//! Log lines of functions and of their processes.

use std::fmt;
use std::time::Duration;

use jelou_core::{DeploymentId, FunctionId, PreviewId, Slug};

/// Receives the log lines of all functions.
pub trait LogSink: fmt::Debug + Send + Sync {
    /// Receives one line of the function, or of its process.
    fn log(&self, source: &LogSource, line: LogLine);
}

/// The function and the deployment that wrote a line.
#[derive(Debug, Clone)]
pub struct LogSource {
    pub function: Slug,
    pub function_id: FunctionId,
    /// The preview that the process belongs to.
    pub preview: Option<PreviewId>,
    pub deployment: DeploymentId,
    /// The fraction of requests whose lines are kept, from 0 to 1.
    pub sample: f64,
}

/// Why the server killed a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillReason {
    Memory,
    /// The event loop was blocked for longer than the stall timeout.
    Stall,
    /// The process closed its call channel.
    Channel,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogLine {
    /// A line on stdout: a JSON object from the SDK, or plain text from the function.
    Output(String),
    /// A line on stderr from Deno, or the reason why the function did not start.
    Engine(String),
    /// The process has started and serves calls.
    Started { took: Duration, why: &'static str },
    /// The process ended on its own.
    Died(String),
    /// The server killed the process, usually because it exceeded a limit. The text names the setting.
    Killed { kind: KillReason, reason: String },
    /// The process has exhausted a resource; the text names the limit.
    AtLimit(String),
    /// A host name of an egress rule has no address; the text names the host.
    Unresolved(String),
    /// The work that continued after a response (`ctx.waitUntil`) did not finish in time; the text names the limit.
    Unfinished(String),
    /// The function wrote more lines than the rate limit allows. `lines`: the number of dropped lines.
    Dropped { lines: u64, lines_per_second: u64 },
}
