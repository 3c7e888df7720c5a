//! Confines processes with kernel features, in case Deno's own permissions fail.
//!
//! A server has one [`Sandbox`] with up to five independent [`Layer`]s: Landlock, seccomp, a user id for each process,
//! control groups and a firewall. [`Sandbox::set_up`] detects which layers this kernel and this user support. A missing
//! layer is reported; with `sandbox.mode = "require"`, it is an error. A [`Launch`] starts a program in a
//! [`Confinement`], which takes effect between fork and exec.
//!
//! This crate does not depend on functions or workers. It only uses a [`Purpose`], paths and limits.

mod cgroup;
mod config;
mod confinement;
mod cores;
mod denied_addresses;
mod detection;
mod filesystem;
mod firewall;
mod launch;
mod layer;
mod limits;
mod purpose;
mod sandbox;
mod start_address;
mod system_calls;
mod user;

pub use cgroup::{ControlGroup, CpuShare};
pub use config::{SandboxConfig, SandboxMode};
pub use confinement::{Confinement, ProcessIds};
pub use cores::cores;
pub use denied_addresses::{DENIED_IPV4, Opening, denied_addresses, denied_networks};
pub use detection::sandbox_layers;
pub use filesystem::FileRights;
pub use launch::Launch;
pub use layer::{Layer, LayerStatus};
pub use limits::ProcessLimits;
pub use purpose::Purpose;
pub use sandbox::{Sandbox, SandboxError};
pub use user::{LentUser, ProcessUser, UserIds};
