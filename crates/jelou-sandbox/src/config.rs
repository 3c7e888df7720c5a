//! The `[sandbox]` section of the configuration.

use serde::{Deserialize, Serialize};

use crate::layer::Layer;

/// Whether a layer is used, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxMode {
    /// Uses the layers that this machine has, and reports the missing ones.
    Auto,
    /// Refuses to start when a layer is missing.
    Require,
    /// For all layers: relies on Deno's permissions alone.
    Off,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the configuration file"
)]
pub struct SandboxConfig {
    /// For the layers Landlock, seccomp and user.
    pub mode: SandboxMode,
    /// Each layer can be turned off, to test the others.
    pub landlock: bool,
    pub seccomp: bool,
    /// A user id for each process, when the server runs as root.
    pub user: bool,
    /// First of the user ids that processes get.
    pub first_user_id: u32,
    /// A control group for each process. The watchdog keeps the limits without it, so `mode` does not include it.
    pub cgroup: SandboxMode,
    /// A firewall rule for the user ids. It repeats what Deno refuses, so `mode` does not include it.
    pub firewall: SandboxMode,
    /// Whether functions may use IPv6, of which Deno cannot deny ranges.
    pub ipv6: bool,
    /// Deno's own permissions. Tests turn them off to test the other layers; released servers always have them.
    #[cfg(debug_assertions)]
    #[serde(default = "with_permissions")]
    pub permissions: bool,
}

#[cfg(debug_assertions)]
fn with_permissions() -> bool {
    true
}

impl SandboxConfig {
    /// Whether a server refuses to start without the layer.
    pub fn requires(&self, layer: Layer) -> bool {
        self.setting(layer).1 == SandboxMode::Require
    }

    /// The setting that decides about the layer, with its value.
    pub(crate) fn setting(&self, layer: Layer) -> (&'static str, SandboxMode) {
        match layer {
            Layer::Landlock | Layer::Seccomp | Layer::User => ("sandbox.mode", self.mode),
            Layer::Cgroup => ("sandbox.cgroup", self.cgroup),
            Layer::Firewall => ("sandbox.firewall", self.firewall),
        }
    }

    pub(crate) fn is_turned_off(&self, layer: Layer) -> bool {
        match layer {
            Layer::Landlock => !self.landlock,
            Layer::Seccomp => !self.seccomp,
            Layer::User => !self.user,
            Layer::Cgroup => self.cgroup == SandboxMode::Off,
            Layer::Firewall => self.firewall == SandboxMode::Off,
        }
    }
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            mode: SandboxMode::Auto,
            landlock: true,
            seccomp: true,
            user: true,
            first_user_id: 600_000,
            cgroup: SandboxMode::Auto,
            firewall: SandboxMode::Auto,
            ipv6: false,
            #[cfg(debug_assertions)]
            permissions: true,
        }
    }
}
