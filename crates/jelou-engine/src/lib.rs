//! Runs user code: finds or installs Deno, builds uploads, supervises one process per function and passes requests
//! to it over a private unix socket.
//!
//! The way of a deployment: [`build`] bundles the upload and reads its manifest in a throw-away worker. The way of a
//! request: a [`Slot`] gives a [`Lease`] on a running worker (starting one when there is none), and the lease sends
//! the request. What a request may do is decided before, by the gateway.

mod artifacts;
mod assets;
mod body;
pub mod build;
mod capacity;
pub mod deno;
mod engine;
mod fleet;
mod logs;
mod processes;
mod scaling;
mod slot;
mod transport;
mod turns;
mod worker;

pub use artifacts::cache::{Artifact, ArtifactCache, ArtifactError};
pub use assets::TYPES;
pub use body::{BodyError, LimitedStream, MAX_CALL_BODY, RequestBody, discard};
pub use deno::Deno;
pub use engine::{
    Caller, CompanyInfo, Engine, EngineConfig, EngineError, Host, JelouCredentials, LogLine,
    LogSource,
};
pub use fleet::in_flight::InFlightRequest;
pub use jelou_sandbox::{
    DENIED_IPV4, Layer, LayerStatus, SandboxConfig, SandboxError, SandboxMode, sandbox_layers,
};
pub use slot::{LaunchSpec, LeaseError, Slot};
pub use worker::lease::{Lease, SendError, WorkerBody};
pub use worker::load::LoadError;
