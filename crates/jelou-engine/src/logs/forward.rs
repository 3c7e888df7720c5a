//! Forwards the output of workers to the server's log.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use jelou_core::LineRate;
use sourcemap::SourceMap;
use tokio::io::{AsyncRead, BufReader};

use super::line::{LogLine, LogSink, LogSource};
use super::reader::{Line, next_line};
use crate::artifacts::{SourceMapCache, stack_trace};

/// The limits `limits.max_log_line_bytes` and `limits.max_log_lines_per_second`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogLimits {
    pub(crate) line_bytes: usize,
    pub(crate) lines_per_second: u64,
}

/// Forwards the log lines of one process, and maps positions in them to source files.
#[derive(Debug, Clone)]
pub(crate) struct LogForwarder {
    pub(crate) source: LogSource,
    pub(crate) artifact_hash: String,
    pub(crate) source_maps: Arc<SourceMapCache>,
    pub(crate) limits: LogLimits,
    pub(crate) sink: Arc<dyn LogSink>,
}

impl LogForwarder {
    /// Forwards a line that the server itself writes about the process.
    pub(crate) fn write(&self, line: LogLine) {
        self.sink.log(&self.source, line);
    }

    /// Forwards every line until the process closes the pipe.
    pub(crate) async fn run(self, pipe: impl AsyncRead + Unpin, wrap: fn(String) -> LogLine) {
        let mut reader = BufReader::new(pipe);
        let limits = self.limits;
        let mut rate = LineRate::default();
        loop {
            let line = next_line(&mut reader, limits.line_bytes);
            let Ok(Some(line)) = self.reporting_dropped(&mut rate, line).await else {
                break;
            };
            let now = Instant::now();
            if let Some(lines) = rate.take_dropped(now) {
                self.say_dropped(lines);
            }
            if !line.text.is_empty() && rate.admit(limits.lines_per_second, now) {
                let text = self.with_note(line);
                let text = self.readable(text, stack_trace::rewrite_logged).await;
                self.write(wrap(text));
            }
        }
        if let Some(lines) = rate.rest() {
            self.say_dropped(lines);
        }
    }

    /// Waits for a line. Meanwhile, reports dropped lines as soon as their number is final.
    async fn reporting_dropped<T>(&self, rate: &mut LineRate, line: impl Future<Output = T>) -> T {
        let mut line = std::pin::pin!(line);
        while let Some(end) = rate.report_at() {
            tokio::select! {
                line = &mut line => return line,
                () = tokio::time::sleep_until(end.into()) => {
                    if let Some(lines) = rate.take_dropped(Instant::now()) {
                        self.say_dropped(lines);
                    }
                }
            }
        }
        line.await
    }

    /// Marks the place where a line was cut with `…`. The masking of secrets then checks whether the text before the
    /// mark ends with the start of a secret.
    fn with_note(&self, line: Line) -> String {
        let Line { mut text, dropped } = line;
        if dropped > 0 {
            let _ = write!(
                text,
                "… [{dropped} bytes were dropped: the limit of a line is {} bytes (limits.max_log_line_bytes, a server setting)]",
                self.limits.line_bytes
            );
        }
        text
    }

    /// Maps positions in stack traces from the bundle to the source files.
    pub(crate) async fn readable(
        &self,
        text: String,
        rewrite: fn(&str, Option<&SourceMap>) -> String,
    ) -> String {
        if !stack_trace::has_frames(&text) {
            return text;
        }
        let map = self.source_maps.of(&self.artifact_hash).await;
        rewrite(&text, map.as_deref())
    }

    fn say_dropped(&self, lines: u64) {
        self.write(LogLine::Dropped {
            lines,
            lines_per_second: self.limits.lines_per_second,
        });
    }
}
