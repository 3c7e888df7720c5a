//! Tests against a server that sends scripted answers and records the requests.
#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod answers;
mod requests;
mod script;
