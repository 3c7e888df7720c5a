//! Runs user code: finds or installs Deno, builds uploads, supervises one process per function and passes requests
//! to it over a private unix socket.
//!
//! A deployment: [`build`] bundles the upload and reads its manifest in a worker that is thrown away. A request: a
//! [`Slot`] gives a [`Lease`] on a running worker (starting one when there is none), and the lease sends the request. The
//! gateway decides before what a request may do.
//!
//! The rooms, each of which uses only those below it:
//!
//! - `engine`: puts everything together
//! - `build`: from an upload to a bundle and its manifest
//! - `fleet`: how many processes there are, and which one gets a request
//! - `worker`: one process, from its start to its end
//! - `logs`, `transport`, `capacity`: what workers write, how requests reach them, what memory they use
//! - `artifacts`, `assets`, `deno`: files on disk

mod artifacts;
mod assets;
pub mod build;
mod capacity;
pub mod deno;
mod engine;
mod fleet;
mod hex;
mod logs;
mod transport;
mod worker;

pub use artifacts::{ArtifactCache, ArtifactError, Bundle};
pub use assets::{SDK_MODULES, TYPES};
pub use deno::Deno;
pub use engine::{Engine, EngineConfig, EngineError};
pub use fleet::{
    Caller, CompanyInfo, Host, JelouCredentials, LaunchSpec, Lease, LeaseError, Permit, SendError,
    Slot, StreamError, TooManyStreams, WorkerBody,
};
pub use jelou_sandbox::{
    DENIED_IPV4, Layer, LayerStatus, SandboxConfig, SandboxError, SandboxMode, sandbox_layers,
};
pub use logs::{LogLine, LogSink, LogSource};
pub use transport::{
    BodyError, BodyMemory, CallFacts, LimitedStream, MAX_CALL_BODY, RequestBody, discard,
};
pub use worker::LoadError;
