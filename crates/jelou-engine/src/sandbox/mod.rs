//! The kernel's walls around a process: what holds when Deno's own permissions do not.
//!
//! Each layer stands alone. [`Sandbox::detect`] finds out which ones this kernel and this user have; what is missing
//! is reported, and refused with `sandbox.mode = "require"`. A process gets its [`Confinement`] between fork and exec.

mod confinement;
mod filesystem;
mod launch;
mod start_address;
mod system_calls;
#[cfg(test)]
mod tests;
mod user;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(crate) use confinement::{Confinement, Identity, Purpose};
pub(crate) use filesystem::FileRights;
pub(crate) use launch::Launch;
pub(crate) use user::{LentUser, ProcessUser, UserIds};

use start_address::StartAddress;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxMode {
    /// Uses every layer that there is, and says which are missing.
    Auto,
    /// Does not start when a layer is missing.
    Require,
    /// Relies on Deno's permissions alone.
    Off,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the configuration file"
)]
pub struct SandboxConfig {
    pub mode: SandboxMode,
    /// Each layer can be turned off, to see what the others hold.
    pub landlock: bool,
    pub seccomp: bool,
    /// An own user id for each process, when the server runs as root.
    pub user: bool,
    /// First of the user ids that processes get.
    pub first_user_id: u32,
    /// Whether functions may use IPv6; ranges of it cannot be refused by Deno.
    pub ipv6: bool,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            mode: SandboxMode::Auto,
            landlock: true,
            seccomp: true,
            user: true,
            first_user_id: 600_000,
            ipv6: false,
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
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
            Self::User => "user",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LayerStatus {
    pub layer: Layer,
    pub active: bool,
    /// Why it is not.
    pub reason: Option<&'static str>,
}

#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("sandbox.mode is \"require\", but the layer {layer} is missing: {reason}")]
    Missing { layer: Layer, reason: &'static str },
    #[error("the sandbox cannot be prepared: {0}")]
    Io(#[from] std::io::Error),
}

#[derive(Debug, Clone)]
pub(crate) struct Sandbox {
    config: SandboxConfig,
    layers: Vec<LayerStatus>,
    users: Arc<UserIds>,
    start: StartAddress,
}

/// Which layers a server with this configuration and this folder for its sockets would have.
pub fn sandbox_layers(config: &SandboxConfig, run_dir: &Path) -> Vec<LayerStatus> {
    let off = (config.mode == SandboxMode::Off).then_some("sandbox.mode is \"off\"");
    let status = |layer, wanted: bool, missing: Option<&'static str>| {
        let reason = off.or((!wanted).then_some("turned off")).or(missing);
        LayerStatus {
            layer,
            active: reason.is_none(),
            reason,
        }
    };
    vec![
        status(Layer::Landlock, config.landlock, filesystem::missing()),
        status(Layer::Seccomp, config.seccomp, system_calls::missing()),
        status(Layer::User, config.user, user::missing(run_dir)),
    ]
}

impl Sandbox {
    pub(crate) fn detect(config: SandboxConfig, run_dir: &Path) -> Result<Self, SandboxError> {
        let layers = sandbox_layers(&config, run_dir);
        if config.mode == SandboxMode::Require
            && let Some((layer, reason)) = layers
                .iter()
                .find_map(|status| Some((status.layer, status.reason?)))
        {
            return Err(SandboxError::Missing { layer, reason });
        }
        let first_lent =
            getrandom::u32().map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(Self {
            users: Arc::new(UserIds::new(config.first_user_id, first_lent)),
            start: StartAddress::choose()?,
            config,
            layers,
        })
    }

    pub(crate) fn layers(&self) -> &[LayerStatus] {
        &self.layers
    }

    pub(crate) fn has(&self, layer: Layer) -> bool {
        self.layers
            .iter()
            .any(|status| status.layer == layer && status.active)
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
