//! The tests of the crate's public API, in one binary.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "to panic is how a test fails; clippy knows that only inside of `#[test]`"
)]

mod allocator;
mod memory;
mod properties;
mod secrecy;
mod vectors;
