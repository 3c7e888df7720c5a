//! Tests the log by its public API: send, read, restart.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod durability;
mod filter;
mod reading;
mod redaction;
mod retention;
mod support;
