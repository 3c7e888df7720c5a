//! Traces and logs for a collector, by OTLP over HTTP.
//!
//! The exporter gets what the log of functions gets, after its secrets are masked: a call is a trace's span, a line or an
//! event is a log record. A call itself only notes a few numbers for its record.

mod context;
mod convert;
mod exporter;
mod otlp;

pub(crate) use context::TraceContext;
pub(crate) use exporter::{ExportThread, Exporter};
