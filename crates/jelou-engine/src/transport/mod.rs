//! Requests on their way to a worker and back: frames on a call channel, or HTTP/1.1 over a kept connection.

pub(crate) mod channel;
pub(crate) mod connection;
mod sharded;
mod stream;
