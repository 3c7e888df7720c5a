//! One Deno process: its start, its permissions, the handoff of its function, and its end.

mod baseline;
mod blank;
pub(crate) mod builtins;
mod code_cache;
mod command;
mod directory;
mod egress;
mod exit;
mod fair_clock;
mod handle;
mod heartbeat;
mod in_flight;
mod launcher;
mod load;
mod module_cache;
mod module_url;
mod permissions;
mod procfs;
mod provision;
mod run_dir;
mod spawner;
mod supervisor;
mod usage;
mod waiting_calls;
mod watchdog;

pub(crate) use blank::{Blank, baseline};
pub(crate) use command::Program;
pub(crate) use handle::Worker;
pub(crate) use launcher::Launcher;
pub use load::LoadError;
pub(crate) use load::{Company, Jelou, LoadMode, LoadRequest, MemoryFeature};
pub(crate) use provision::compile_apart;
pub(crate) use run_dir::RunDir;
pub(crate) use usage::Usage;
