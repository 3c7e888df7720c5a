//! Runs the real binary in a home and a folder of its own, and says what came out.

mod fake_api;
mod outcome;
mod sandbox;
mod server;
mod terminal;

pub(crate) use fake_api::{FakeApi, answer, problem};
pub(crate) use outcome::{
    FILTERS, LIVE_FILTERS, Outcome, Streams, assert_live_outcome, assert_outcome,
};
pub(crate) use sandbox::Sandbox;
pub(crate) use server::Server;
pub(crate) use terminal::{CTRL_C, CTRL_D, Terminal};
