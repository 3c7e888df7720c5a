//! The names of the layers, and their status on a server.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

/// An independent part of the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Restricts the files that a process can open (landlock(7)).
    Landlock,
    /// Restricts the system calls of a process (seccomp(2)), for example exec after the start.
    Seccomp,
    /// Gives each process its own user id (credentials(7)).
    User,
    /// Limits processor time, memory and threads (cgroups(7)).
    Cgroup,
    /// Restricts the addresses that the user id can reach (nft(8)).
    Firewall,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
            Self::User => "user",
            Self::Cgroup => "cgroup",
            Self::Firewall => "firewall",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LayerStatus {
    pub layer: Layer,
    pub active: bool,
    /// Why the layer is not active.
    pub reason: Option<Cow<'static, str>>,
}
