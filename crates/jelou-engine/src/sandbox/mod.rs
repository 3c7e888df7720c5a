//! The kernel's walls around a process: what holds when Deno's own permissions do not.
//!
//! Each layer stands alone. [`Sandbox::detect`] finds out which ones this kernel and this user have; what is missing
//! is reported, and refused with `sandbox.mode = "require"`. A process gets its [`Confinement`] between fork and exec.

mod cgroup;
mod confinement;
#[cfg(test)]
mod descriptor_tests;
mod filesystem;
mod firewall;
mod launch;
#[cfg(test)]
mod limit_tests;
mod start_address;
mod system_calls;
#[cfg(test)]
mod tests;
mod user;

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use ipnet::Ipv4Net;
use jelou_core::Limits;
use serde::{Deserialize, Serialize};

pub(crate) use cgroup::{ControlGroup, CpuShare};
pub(crate) use confinement::{Confinement, Identity, Purpose};
pub(crate) use filesystem::FileRights;
pub(crate) use launch::Launch;
pub(crate) use user::{LentUser, ProcessUser, UserIds};

use crate::egress;
use cgroup::ControlGroups;
use firewall::Firewall;
use start_address::StartAddress;

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
    fn setting(&self, layer: Layer) -> (&'static str, SandboxMode) {
        match layer {
            Layer::Landlock | Layer::Seccomp | Layer::User => ("sandbox.mode", self.mode),
            Layer::Cgroup => ("sandbox.cgroup", self.cgroup),
            Layer::Firewall => ("sandbox.firewall", self.firewall),
        }
    }

    fn is_turned_off(&self, layer: Layer) -> bool {
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

#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("{setting} is \"require\", but the layer {layer} is missing: {reason}")]
    Missing {
        setting: &'static str,
        layer: Layer,
        reason: Cow<'static, str>,
    },
    #[error("the sandbox cannot be prepared: {0}")]
    Io(#[from] std::io::Error),
}

#[derive(Debug, Clone)]
pub(crate) struct Sandbox {
    config: SandboxConfig,
    layers: Vec<LayerStatus>,
    limits: Limits,
    users: Arc<UserIds>,
    groups: Option<Arc<ControlGroups>>,
    firewall: Option<Firewall>,
    start: StartAddress,
}

/// Which layers a server with this configuration and this folder for its sockets would have. Nothing is changed.
pub fn sandbox_layers(
    config: &SandboxConfig,
    egress_allow: &[Ipv4Net],
    run_dir: &Path,
) -> Vec<LayerStatus> {
    let mut layers = Layers::of_processes(config, run_dir);
    layers.look(Layer::Cgroup, || cgroup::missing().map(Cow::from));
    layers.look(Layer::Firewall, || {
        firewall(config, egress_allow).missing().map(Cow::from)
    });
    layers.found
}

/// What has been found so far.
struct Layers<'a> {
    config: &'a SandboxConfig,
    found: Vec<LayerStatus>,
}

impl<'a> Layers<'a> {
    /// Those that a process puts on by itself.
    fn of_processes(config: &'a SandboxConfig, run_dir: &Path) -> Self {
        let mut layers = Self {
            config,
            found: Vec::new(),
        };
        layers.look(Layer::Landlock, || filesystem::missing().map(Cow::from));
        layers.look(Layer::Seccomp, || system_calls::missing().map(Cow::from));
        layers.look(Layer::User, || user::missing(run_dir).map(Cow::from));
        layers
    }

    /// Notes the layer, which is there unless it is turned off or `missing` says why it is not.
    fn look(&mut self, layer: Layer, missing: impl FnOnce() -> Option<Cow<'static, str>>) {
        let off = if self.config.mode == SandboxMode::Off {
            Some("sandbox.mode is \"off\"")
        } else if self.config.is_turned_off(layer) {
            Some("turned off")
        } else if layer == Layer::Firewall && !has(&self.found, Layer::User) {
            Some("processes have no user ids of their own")
        } else {
            None
        };
        let reason = off.map(Cow::from).or_else(missing);
        self.found.push(LayerStatus {
            layer,
            active: reason.is_none(),
            reason,
        });
    }
}

fn has(layers: &[LayerStatus], layer: Layer) -> bool {
    layers
        .iter()
        .any(|status| status.layer == layer && status.active)
}

fn firewall(config: &SandboxConfig, egress_allow: &[Ipv4Net]) -> Firewall {
    let resolvers = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    Firewall {
        users: user::range(config.first_user_id),
        denied: egress::denied_ipv4(egress_allow),
        resolvers: firewall::resolvers(&resolvers),
        ipv6: config.ipv6,
    }
}

impl Sandbox {
    /// Finds out which layers there are, and sets up those that are the machine's: control groups and firewall.
    pub(crate) fn set_up(
        config: SandboxConfig,
        limits: &Limits,
        egress_allow: &[Ipv4Net],
        run_dir: &Path,
    ) -> Result<Self, SandboxError> {
        let first_lent =
            getrandom::u32().map_err(|error| std::io::Error::other(error.to_string()))?;
        let mut sandbox = Self {
            users: Arc::new(UserIds::new(config.first_user_id, first_lent)),
            start: StartAddress::choose()?,
            limits: limits.clone(),
            groups: None,
            firewall: None,
            layers: Vec::new(),
            config,
        };
        let mut layers = Layers::of_processes(&sandbox.config, run_dir);
        layers.look(Layer::Cgroup, || match ControlGroups::make() {
            Ok(groups) => {
                sandbox.groups = Some(Arc::new(groups));
                None
            }
            Err(reason) => Some(reason.into()),
        });
        layers.look(Layer::Firewall, || {
            let firewall = firewall(&sandbox.config, egress_allow);
            let missing = firewall.install().err();
            if missing.is_none() {
                sandbox.firewall = Some(firewall);
            }
            missing.map(Cow::from)
        });
        sandbox.layers = layers.found;
        let missing = sandbox
            .layers
            .iter()
            .find(|status| !status.active && sandbox.config.requires(status.layer));
        if let Some(LayerStatus { layer, reason, .. }) = missing {
            let error = SandboxError::Missing {
                setting: sandbox.config.setting(*layer).0,
                layer: *layer,
                reason: reason.clone().unwrap_or_default(),
            };
            sandbox.take_down();
            return Err(error);
        }
        Ok(sandbox)
    }

    /// Removes what is the machine's, when all processes have been told to end.
    pub(crate) fn take_down(&self) {
        if let Some(groups) = &self.groups {
            groups.remove();
        }
        if let Some(firewall) = &self.firewall {
            firewall.remove();
        }
    }

    pub(crate) fn layers(&self) -> &[LayerStatus] {
        &self.layers
    }

    pub(crate) fn has(&self, layer: Layer) -> bool {
        has(&self.layers, layer)
    }

    /// A control group for one process; `None` where there is none. Limits hold without, so that a machine that takes
    /// its groups back stops no function.
    pub(crate) fn lend_group(&self) -> Option<ControlGroup> {
        let lent = self.groups.as_ref()?.lend(&self.limits);
        lent.inspect_err(|error| tracing::warn!(%error, "a process gets no control group"))
            .ok()
    }

    pub(crate) fn uses_permissions(&self) -> bool {
        #[cfg(debug_assertions)]
        return self.config.permissions;
        #[cfg(not(debug_assertions))]
        true
    }

    /// A user for one process; `None` where processes have no users of their own.
    pub(crate) fn lend_user(&self) -> std::io::Result<Option<LentUser>> {
        self.has(Layer::User).then(|| self.users.lend()).transpose()
    }

    /// The user who fetches packages, and owns their cache.
    pub(crate) fn builder(&self) -> Option<ProcessUser> {
        self.has(Layer::User).then(|| self.users.builder())
    }
}
