//! The names of the layers, and which of them a server has.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

/// An independent part of the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// The files that a process can open (landlock(7)).
    Landlock,
    /// The system calls that it can make (seccomp(2)); no exec after the start.
    Seccomp,
    /// A user id of its own (credentials(7)).
    User,
    /// Its processor time, memory and threads (cgroups(7)).
    Cgroup,
    /// The addresses that its user id can reach (nft(8)).
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
    /// Why it is not active.
    pub reason: Option<Cow<'static, str>>,
}
