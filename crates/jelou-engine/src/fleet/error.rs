//! The error of a request that gets no process.

use std::time::Duration;

use super::admission::TooManyStreams;
use crate::artifacts::ArtifactError;
use crate::capacity::NoRoom;
use crate::worker::LoadError;

/// Why a request cannot get a process.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// A newer slot has replaced this slot. The gateway must look up the function again.
    #[error("the slot is retired")]
    Retired,
    #[error("{running} requests are in progress ({limit}) and {queued} are queued ({queue_limit})")]
    Overloaded {
        running: usize,
        queued: usize,
        limit: String,
        queue_limit: String,
    },
    #[error(
        "no memory for the request's body within {} ms (limits.max_body_wait_ms, a server setting): it may take {wanted_mib} MiB of the {limit_mib} MiB that bodies may take together ({limit})", .waited.as_millis()
    )]
    NoBodyMemory {
        wanted_mib: u64,
        limit_mib: u64,
        limit: String,
        waited: Duration,
    },
    #[error(transparent)]
    Streams(#[from] TooManyStreams),
    #[error("the function ended {crashes} times in a row; it is started again in {} s", .retry_after.as_secs())]
    BackingOff { crashes: u32, retry_after: Duration },
    #[error(
        "there is no memory for another process: the running processes are busy and use {used_mib} of {limit_mib} MiB (limits.max_workers_memory_mib, a server setting, or what the machine has left)"
    )]
    NoRoom { used_mib: u64, limit_mib: u64 },
    #[error("cannot read the deployment's artifact: {0}")]
    Artifact(#[from] ArtifactError),
    #[error("cannot decrypt the function's secrets: {0}")]
    Secrets(String),
    /// A process could not be started, for a reason other than the function.
    #[error("cannot start a process: {0}")]
    Process(#[source] LoadError),
    #[error("cannot start the function: {}", .0.brief())]
    Start(#[source] LoadError),
}

impl LeaseError {
    /// Returns the complete failure for the owner of the function: the message of the error, with its stack if there is
    /// one.
    pub fn detail(&self) -> String {
        match self {
            Self::Start(LoadError::Refused { message, stack, .. }) => match stack {
                Some(stack) if stack.contains(message.as_str()) => stack.clone(),
                Some(stack) => format!("{message}\n{stack}"),
                None => message.clone(),
            },
            Self::Start(error) => error.to_string(),
            other => other.to_string(),
        }
    }
}

impl From<NoRoom> for LeaseError {
    fn from(
        NoRoom {
            used_mib,
            limit_mib,
        }: NoRoom,
    ) -> Self {
        Self::NoRoom {
            used_mib,
            limit_mib,
        }
    }
}
