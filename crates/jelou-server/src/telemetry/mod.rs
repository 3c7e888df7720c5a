//! Sends traces and logs to a collector, with OTLP over HTTP.
//!
//! The exporter gets the same records as the log of functions, after secrets were masked: a call becomes the spans of a
//! trace, a line or an event becomes a log record. A call only stores a few numbers for its record.

mod context;
mod convert;
mod exporter;
mod otlp;

pub(crate) use context::TraceContext;
pub(crate) use exporter::{ExportThread, Exporter};
