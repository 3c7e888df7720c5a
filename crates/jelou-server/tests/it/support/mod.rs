mod call;
mod engine;
mod server;

pub(crate) use call::{Call, Reply};
pub(crate) use server::TestServer;
