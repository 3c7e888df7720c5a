//! Confines processes by the kernel: what holds when Deno's own permissions do not.
//!
//! A server has one [`Sandbox`], with up to five independent [`Layer`]s: Landlock, seccomp, a user id for each process,
//! control groups and a firewall. [`Sandbox::set_up`] finds out which of them this kernel and this user have. A missing
//! layer is reported, and refused with `sandbox.mode = "require"`. A [`Launch`] starts a program in a [`Confinement`],
//! which takes effect between fork and exec.
//!
//! This crate knows nothing of functions or workers: only of a [`Purpose`], of paths and of limits.

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
pub use confinement::{Confinement, Identity};
pub use cores::cores;
pub use denied_addresses::{DENIED_IPV4, denied_addresses};
pub use detection::sandbox_layers;
pub use filesystem::FileRights;
pub use launch::Launch;
pub use layer::{Layer, LayerStatus};
pub use limits::ProcessLimits;
pub use purpose::Purpose;
pub use sandbox::{Sandbox, SandboxError};
pub use user::{LentUser, ProcessUser, UserIds};
