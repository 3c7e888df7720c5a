//! The `[sandbox]` section of the configuration.

use serde::{Deserialize, Serialize};

use crate::layer::Layer;

/// Whether one layer, or the whole sandbox, is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxMode {
    /// Uses the available layers, and reports the missing layers.
    Auto,
    /// Refuses to start when a layer is missing.
    Require,
    /// For the whole sandbox: relies only on Deno's permissions.
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
    /// Each layer can be turned off, to test the other layers.
    pub landlock: bool,
    pub seccomp: bool,
    /// A user id for each process. Requires a server that runs as root.
    pub user: bool,
    /// First user id for processes.
    pub first_user_id: u32,
    /// A control group for each process. Not part of `mode`, because the watchdog enforces the limits without it.
    pub cgroup: SandboxMode,
    /// Firewall rules for the user ids. Not part of `mode`, because Deno refuses the same addresses.
    pub firewall: SandboxMode,
    /// Whether functions may use IPv6. Deno cannot deny IPv6 ranges.
    pub ipv6: bool,
    /// Deno's own permissions. Tests turn them off to test the other layers; release builds always have them.
    #[cfg(debug_assertions)]
    #[serde(default = "with_permissions")]
    pub permissions: bool,
}

#[cfg(debug_assertions)]
fn with_permissions() -> bool {
    true
}

impl SandboxConfig {
    /// Whether a server without the layer refuses to start.
    pub fn requires(&self, layer: Layer) -> bool {
        self.setting(layer).1 == SandboxMode::Require
    }

    /// The setting for the layer, and its value.
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
