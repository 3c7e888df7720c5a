//! Compares due times with known answers, and with an independent implementation.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports by failing"
)]

mod changes;
mod due;
mod expressions;
mod oracle;
