//! One Deno process: how it is started, what it may do, how it is given its function, and how it ends.

pub(crate) mod blank;
pub(crate) mod budget;
mod channel;
pub(crate) mod command;
pub(crate) mod compiled;
mod connection;
mod demand;
mod exit;
pub(crate) mod in_flight;
pub(crate) mod lease;
pub(crate) mod load;
pub(crate) mod output;
mod own_time;
pub(crate) mod permissions;
pub(crate) mod pool;
mod proc;
pub(crate) mod process;
mod pulse;
pub(crate) mod running;
mod sharded;
pub(crate) mod spawner;
mod stream;
pub(crate) mod watch;
