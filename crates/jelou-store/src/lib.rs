//! The truth about functions: what is deployed, which tokens and secrets exist, and who changed what.
//!
//! Every change is one transaction that also appends its audit entry and raises the revision, so that nothing is half
//! done after a crash and a copy in memory can tell whether it is current. Secrets are encrypted by the [`vault`]
//! before they come near the database. The registry that the gateway asks, and the copies of artifacts on disk, are the
//! server's.

mod access_tokens;
mod actor;
mod artifact;
mod audit;
mod change;
mod config;
mod database;
mod deploy;
mod deployments;
mod error;
mod functions;
mod last_used;
mod memory;
mod migrations;
mod row;
mod runtime_tokens;
mod secrets;
mod snapshot;
mod sqlite;
mod store;
mod token_reference;
pub mod vault;

pub use access_tokens::{AccessTokenRecord, NewAccessToken};
pub use actor::Actor;
pub use artifact::{Artifact, ArtifactHash, ParseArtifactHashError};
pub use config::StoreConfig;
pub use deploy::{Deployed, NewDeployment};
pub use deployments::{DeploymentRecord, RolledBack};
pub use error::{Resource, StoreError};
pub use functions::{DeletedFunction, FunctionRecord, LiveDeployment};
pub use memory::{MemoryLimits, MemoryOwner};
pub use runtime_tokens::{LastTokenRule, NewRuntimeToken, RuntimeTokenKey, RuntimeTokenRecord};
pub use secrets::{SecretOwner, SecretRecord};
pub use snapshot::Snapshot;
pub use store::Store;
pub use vault::{KeyId, SealedSecret, Vault, VaultError};
