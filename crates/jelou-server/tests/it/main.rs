//! Tests of the server through its sockets, with real functions.
#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod access_rotation;
mod access_scopes;
mod access_table;
mod admission;
mod answers;
mod api_document;
mod connections;
mod cors;
mod deploys;
mod egress;
mod headers;
mod http2;
mod identity;
mod jelou_api;
mod limits;
mod mcp;
mod memory;
mod methods;
mod openapi;
mod pipelining;
mod proxies;
mod reserved;
mod scanners;
mod schedules;
mod smuggling;
mod streaming;
mod support;
mod targets;
mod tls;
mod token_holders;
mod token_model;
mod token_policies;
mod trust;
mod websocket;
