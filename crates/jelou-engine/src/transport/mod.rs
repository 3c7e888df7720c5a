//! The transport of requests to a worker and of responses back: as frames on a call channel, or over HTTP/1.1 on
//! connections that are kept alive.

mod body;
mod body_memory;
mod call_facts;
mod channel;
mod connection;
mod peer;
mod sharded;
mod stream;

pub use body::{BodyError, LimitedStream, MAX_CALL_BODY, RequestBody, discard};
pub(crate) use body_memory::BodyBudget;
pub use body_memory::BodyMemory;
pub use call_facts::CallFacts;
pub(crate) use call_facts::HEADER as CALL_HEADER;
pub(crate) use channel::{Answered, CallError, Channels, HeldCall, WorkReports};
pub(crate) use connection::{Connection, Connections, ExchangeError};
pub(crate) use peer::connect;
