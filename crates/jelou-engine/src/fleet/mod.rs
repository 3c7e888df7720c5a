//! Decides how many processes there are, and selects the process of each request.

mod admission;
mod backoff;
mod demand;
mod error;
mod eviction;
mod host;
mod instance;
mod lease;
mod names;
mod permits;
mod pool;
mod processes;
mod reaper;
mod response;
mod room;
mod scaling;
mod slot;
mod spec;
mod starter;
mod warm;

pub use admission::{Permit, TooManyStreams};
pub use error::LeaseError;
pub(crate) use eviction::AllWorkers;
pub use host::{Caller, Host};
pub use lease::{Lease, SendError};
pub(crate) use names::follow_names;
pub(crate) use pool::{Pool, keep_filled};
pub(crate) use processes::Processes;
pub use processes::SlotLoad;
pub(crate) use reaper::{AllProcesses, Reaper};
pub use response::{StreamError, WorkerBody};
pub use slot::Slot;
pub(crate) use spec::Platform;
pub use spec::{CompanyInfo, JelouCredentials, LaunchSpec};
pub(crate) use starter::FunctionStarter;
pub use warm::Warm;
