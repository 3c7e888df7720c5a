//! The `[sandbox]` section of the configuration.

use serde::{Deserialize, Serialize};

use crate::layer::Layer;

/// How one layer, or the whole sandbox, is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxMode {
    /// Uses the layers that are available, and reports the others.
    Auto,
    /// Refuses to start when a layer is missing.
    Require,
    /// Does not use the layer. For the whole sandbox: relies only on Deno's permissions.
    Off,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the configuration file"
)]
pub struct SandboxConfig {
    /// The mode of the layers Landlock, seccomp and user. `Off` turns off every layer.
    pub mode: SandboxMode,
    /// Whether Landlock is used. Each layer can be turned off, to test the other layers.
    pub landlock: bool,
    pub seccomp: bool,
    /// Whether each process gets its own user id. Needs a server that runs as root.
    pub user: bool,
    /// The first user id for processes.
    pub first_user_id: u32,
    /// A control group for each process. Not part of `mode`, because the watchdog enforces the limits without a group.
    pub cgroup: SandboxMode,
    /// Firewall rules for the user ids. Not part of `mode`, because Deno refuses the same addresses.
    pub firewall: SandboxMode,
    /// Whether functions may use IPv6. Deno cannot deny IPv6 ranges.
    pub ipv6: bool,
    /// Whether a worker may listen on a free TCP port of loopback, for a debugger. Cannot be set in the configuration
    /// file.
    #[serde(skip)]
    pub debugger: bool,
    /// Whether Deno's own permissions are used. Tests turn them off to test the layers; release builds always use them.
    #[cfg(debug_assertions)]
    #[serde(default = "with_permissions")]
    pub permissions: bool,
}

#[cfg(debug_assertions)]
fn with_permissions() -> bool {
    true
}

impl SandboxConfig {
    /// Returns whether the server refuses to start without the layer.
    pub fn requires(&self, layer: Layer) -> bool {
        self.setting(layer).1 == SandboxMode::Require
    }

    /// Returns the name and the value of the setting for the layer.
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
            debugger: false,
            #[cfg(debug_assertions)]
            permissions: true,
        }
    }
}
