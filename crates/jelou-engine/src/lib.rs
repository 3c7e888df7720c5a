//! Runs user code: finds or installs Deno, builds uploads, supervises the processes of each function and passes
//! requests to them over private unix sockets.
//!
//! For a deployment, [`build`] bundles the upload and reads its manifest in a temporary worker. For a request, a
//! [`Slot`] returns a [`Lease`] of a running worker (it starts a worker if there is none), and the lease sends the
//! request. The gateway has already authorised the request.
//!
//! The modules are listed from top to bottom. Each module uses only modules below it:
//!
//! - `engine`: connects the parts
//! - `build`: makes a bundle and its manifest from an upload
//! - `fleet`: decides how many processes there are, and selects the process of each request
//! - `worker`: one process, from its start to its end
//! - `logs`, `transport`, `capacity`: the output of workers, the path of requests to workers, the memory of workers
//! - `debugger`: the inspectors of workers, in development
//! - `artifacts`, `assets`, `deno`: files on disk

mod artifacts;
mod assets;
pub mod build;
mod capacity;
mod debugger;
pub mod deno;
mod engine;
mod fleet;
mod hex;
mod logs;
mod network;
mod transport;
mod worker;

pub use artifacts::{ArtifactCache, ArtifactError, AssetFiles, Bundle, CompiledBundle};
pub use assets::{SDK_MODULES, TYPES};
pub use debugger::{Attached, BreakAt, Debuggers, Inspector};
pub use deno::Deno;
pub use engine::{Engine, EngineConfig, EngineError, EngineLoad, whole_networks};
pub use fleet::{
    Caller, CompanyInfo, Host, JelouCredentials, LaunchSpec, Lease, LeaseError, Permit, SendError,
    Slot, SlotLoad, StreamError, TooManyStreams, Warm, WorkerBody,
};
pub use jelou_sandbox::{
    DENIED_IPV4, Layer, LayerStatus, SandboxConfig, SandboxError, SandboxMode, denied_networks,
    sandbox_layers,
};
pub use logs::{KillReason, LogLine, LogSink, LogSource};
pub use network::NetworkConfig;
pub use transport::{
    BodyError, BodyMemory, CallFacts, LimitedStream, MAX_CALL_BODY, RequestBody, discard,
};
pub use worker::{EngineStage, LoadError};
