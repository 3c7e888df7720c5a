//! The names of the layers, and which of them a server has.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Which files a process can open (landlock(7)).
    Landlock,
    /// Which system calls it can make (seccomp(2)); no exec after the start among them.
    Seccomp,
    /// A user id of its own (credentials(7)).
    User,
    /// What it can use of the machine (cgroups(7)).
    Cgroup,
    /// Which addresses its user id can reach (nft(8)).
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
    /// Why it is not.
    pub reason: Option<Cow<'static, str>>,
}
