//! Tests of the real binary: what a person or a program sees of it.
#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod asleep;
mod audit;
mod auth;
mod bad_credentials;
mod bad_uploads;
mod between_functions;
mod blank_workers;
mod completion;
mod connections;
mod deploy;
mod describe;
mod doctor;
mod durability;
mod errors;
mod examples;
mod full_disk;
mod functions;
mod hostile;
mod init;
mod locked_database;
mod login;
mod memory_pressure;
mod packages;
mod prompts;
mod runtime_tokens;
mod sandbox;
mod schemas;
mod secrets;
mod serve;
mod several_processes;
mod starts;
mod support;
mod token_policies;
mod tokens;
mod under_load;
