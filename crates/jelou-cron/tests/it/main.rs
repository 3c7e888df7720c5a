//! Compares due times with known answers, and with an independent implementation.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports by failing"
)]

mod catch_up;
mod changes;
mod expressions;
mod oracle;
