//! How many processes there are, and which of them gets a request.

pub(crate) mod backoff;
mod demand;
pub(crate) mod eviction;
pub(crate) mod in_flight;
pub(crate) mod pool;
pub(crate) mod reaper;
