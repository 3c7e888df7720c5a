//! Tests of the real binary: what a person or a program sees of it.
#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod audit;
mod auth;
mod completion;
mod deploy;
mod describe;
mod errors;
mod functions;
mod init;
mod login;
mod prompts;
mod runtime_tokens;
mod secrets;
mod support;
mod tokens;
