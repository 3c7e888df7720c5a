//! The `[sandbox]` section of the configuration.

use serde::{Deserialize, Serialize};

use crate::layer::Layer;

/// How much one of the layers is wanted, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxMode {
    /// Uses what there is, and says what is missing.
    Auto,
    /// Does not start when something is missing.
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
    /// Of the three layers that every process can have.
    pub mode: SandboxMode,
    /// Each layer can be turned off, to see what the others hold.
    pub landlock: bool,
    pub seccomp: bool,
    /// An own user id for each process, when the server runs as root.
    pub user: bool,
    /// First of the user ids that processes get.
    pub first_user_id: u32,
    /// A control group for each process; limits hold without, so `mode` does not ask for it.
    pub cgroup: SandboxMode,
    /// A rule of the firewall for the user ids; it is a second look at what Deno refuses, so `mode` does not ask for it.
    pub firewall: SandboxMode,
    /// Whether functions may use IPv6; ranges of it cannot be refused by Deno.
    pub ipv6: bool,
    /// Deno's own permissions. Without them, tests see what the other layers hold; no released server can be without.
    #[cfg(debug_assertions)]
    #[serde(default = "with_permissions")]
    pub permissions: bool,
}

#[cfg(debug_assertions)]
fn with_permissions() -> bool {
    true
}

impl SandboxConfig {
    /// Whether a server does not start without the layer.
    pub fn requires(&self, layer: Layer) -> bool {
        self.setting(layer).1 == SandboxMode::Require
    }

    /// The setting that says how much the layer is wanted.
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
