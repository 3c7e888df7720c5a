//! One Deno process: how it is started, what it may do, how it is given its function, and how it ends.

pub(crate) mod blank;
mod code_cache;
mod command;
mod exit;
mod fair_clock;
mod heartbeat;
pub(crate) mod lease;
pub(crate) mod load;
mod permissions;
pub(crate) mod process;
mod procfs;
pub(crate) mod spawner;
mod watchdog;
