//! Requests to the other servers of a shared database. They go to the management API, and are authenticated by a key
//! that is derived from the master key, which all servers of a database share.

mod auth;
mod client;

pub(crate) use auth::{ANSWER_MAC, PeerKeys};
pub(crate) use client::{Peer, PeerError};
