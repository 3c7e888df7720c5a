//! Tests of the server from outside: its sockets, with real functions behind them.
#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod api_document;
mod mcp;
mod openapi;
mod support;
