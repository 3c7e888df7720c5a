//! Tests against a server that gives the answers of a script and records what it was asked.
#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod answers;
mod requests;
mod script;
