//! The output of workers: read from pipes, limited, and forwarded to the server's log.

mod forward;
mod line;
mod quote;
mod reader;

pub(crate) use forward::{LogForwarder, LogLimits};
pub use line::{KillReason, LogLine, LogSink, LogSource};
pub(crate) use quote::last_lines;
pub(crate) use reader::{discard, next_line};
