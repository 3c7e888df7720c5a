//! Log lines of functions and of their processes.

use std::fmt;

use jelou_core::{DeploymentId, FunctionId, Slug};

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
    pub deployment: DeploymentId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogLine {
    /// A line on stdout: a JSON object from the SDK, or plain text from the function.
    Output(String),
    /// A line on stderr from Deno, or the reason why the function did not start.
    Engine(String),
    /// The process serves calls from now on; the text says why it was started.
    Started(String),
    /// The process ended on its own.
    Died(String),
    /// The server ended the process because it exceeded a limit; the text names the limit.
    Breach(String),
    /// The process has exhausted a resource; the text names the limit.
    AtLimit(String),
    /// A name of an egress rule has no address; the text names it.
    Unresolved(String),
    /// Work after an answer did not finish in time; the text names the limit.
    Unfinished(String),
    /// The function wrote more lines than the rate limit allows.
    Dropped { lines: u64, lines_per_second: u64 },
}
