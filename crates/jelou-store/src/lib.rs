//! Persistence: functions, deployments, tokens, secrets, function memory, and the audit trail.
//!
//! A change is one transaction. It also appends its audit entries and raises the revision. Thus a crash never leaves
//! half a change, and the revision shows whether a copy in memory is up to date. The [`vault`] encrypts secrets before
//! they reach the database. The registry and the artifact copies on disk belong to the server.

mod access_tokens;
mod actor;
mod artifact;
mod audit;
pub mod backup;
mod change;
mod database;
mod deletion_time;
mod deploy;
mod deployments;
mod difference;
mod error;
mod feed;
mod function_settings;
mod function_state;
mod functions;
mod identity_keys;
mod last_used;
mod leaks;
mod local_copy;
mod master_key;
mod memory;
mod nodes;
mod previews;
mod readable;
mod rollback;
mod runtime_tokens;
mod schedules;
mod secret_versions;
mod secrets;
mod snapshot;
mod store;
mod token_reference;
mod token_usage;
mod traffic;
mod trust;
pub mod vault;

pub use access_tokens::{AccessTokenRecord, NewAccessToken};
pub use actor::Actor;
pub use artifact::{ArtifactHash, ArtifactRecord, ParseArtifactHashError};
pub use change::AUDIT_ACTIONS;
pub use database::{
    DatabaseError, Listener, Location, ParsePostgresUrlError, PostgresUrl, SchemaState, StoreConfig,
};
pub use deploy::{Deployed, NewDeployment};
pub use deployments::{CallCount, DeploymentRecord};
pub use error::{Resource, StoreError};
pub use feed::{Changed, News, Parts, Position};
pub use function_state::{FunctionContent, FunctionState};
pub use functions::{FunctionRecord, FunctionSummary, LiveDeployment};
pub use identity_keys::{IdentityKey, KeySchedule};
pub use leaks::RuntimeLeak;
pub use local_copy::{LocalCopyError, SealedState, open_local_copy};
pub use master_key::MasterKeyRotation;
pub use memory::{MemoryLimits, MemoryOwner};
pub use nodes::{NodeRecord, NodeReport};
pub use previews::{NewPreview, PreviewRecord, PreviewTerms};
pub use readable::Readable;
pub use rollback::{ActivationKind, RollbackPlan, RolledBack};
pub use runtime_tokens::{
    ExpiringToken, ImportRules, ImportToken, Imported, LastTokenRule, NewRuntimeToken, OldValue,
    PreviousTokenValue, QuotaUse, ReplacedToken, Revocation, RotatedToken, Rotation,
    RuntimeTokenCredential, RuntimeTokenPage, RuntimeTokenRecord,
};
pub use schedules::{Claimed, NewRun, OVERLAP, RunEnd, RunQuery, RunRecord, ScheduleState};
pub use secrets::SecretRecord;
pub use snapshot::Snapshot;
pub use store::{Store, schema_state};
pub use token_usage::{TokenCounts, TokenUse};
pub use traffic::TrafficLine;
pub use trust::{Exchange, Exchanged, ExchangedToken, NewExchangedToken, TrustRecord, TrustTerms};
pub use vault::{KeyId, SealedSecret, SecretOwner, Vault, VaultError};
