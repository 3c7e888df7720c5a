//! The store against real SQLite files, and against a real PostgreSQL server.
#![expect(clippy::unwrap_used, reason = "a test reports by failing")]

mod access_tokens;
mod artifacts;
mod audit;
mod audit_states;
mod backup;
mod concurrency;
mod deletion_time;
mod deploy;
mod durability;
mod feed;
mod fixture;
mod functions;
mod identity_keys;
mod key_file;
mod last_token;
mod last_used;
mod local_copy;
mod master_key;
mod memory;
mod nodes;
mod postgres;
mod previews;
mod retention;
mod rollback;
mod runtime_tokens;
mod schedules;
mod secrecy;
mod secret_versions;
mod secrets;
mod send;
mod snapshot;
mod token_lifecycle;
mod token_policies;
mod unavailable;
mod vault;
