//! The sandbox of one server: its layers, and the resources that it lends to each process.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use ipnet::IpNet;

use crate::cgroup::{ControlGroup, ControlGroups};
use crate::config::SandboxConfig;
use crate::denied_addresses::Opening;
use crate::detection::{self, Layers};
use crate::firewall::Firewall;
use crate::layer::{Layer, LayerStatus};
use crate::limits::ProcessLimits;
use crate::start_address::StartAddress;
use crate::user::{LentUser, ProcessUser, UserIds};

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

/// The layers of one server. [`Sandbox::take_down`] reverts the changes of [`Sandbox::set_up`] to the machine.
#[derive(Debug, Clone)]
pub struct Sandbox {
    pub(crate) config: SandboxConfig,
    layers: Vec<LayerStatus>,
    pub(crate) limits: ProcessLimits,
    users: Arc<UserIds>,
    groups: Option<Arc<ControlGroups>>,
    firewall: Option<Firewall>,
    pub(crate) start: StartAddress,
}

impl Sandbox {
    /// Detects the layers. Sets up the layers that change the machine: control groups and the firewall.
    ///
    /// # Errors
    ///
    /// When a required layer is missing.
    pub fn set_up(
        config: SandboxConfig,
        limits: ProcessLimits,
        egress_allow: &[IpNet],
        run_dir: &Path,
    ) -> Result<Self, SandboxError> {
        let first_lent =
            getrandom::u32().map_err(|error| std::io::Error::other(error.to_string()))?;
        let mut sandbox = Self {
            users: Arc::new(UserIds::new(config.first_user_id, first_lent)),
            start: StartAddress::choose()?,
            limits,
            groups: None,
            firewall: None,
            layers: Vec::new(),
            config,
        };
        let mut layers = Layers::of_processes(&sandbox.config, run_dir);
        layers.check(Layer::Cgroup, || match ControlGroups::set_up() {
            Ok(groups) => {
                sandbox.groups = Some(Arc::new(groups));
                None
            }
            Err(reason) => Some(reason.into()),
        });
        layers.check(Layer::Firewall, || {
            let firewall = detection::firewall(&sandbox.config, egress_allow);
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

    /// Removes control groups and firewall rules. The caller must first signal all processes to end.
    pub fn take_down(&self) {
        if let Some(groups) = &self.groups {
            groups.remove();
        }
        if let Some(firewall) = &self.firewall {
            firewall.remove();
        }
    }

    /// Returns the status of every layer.
    pub fn layers(&self) -> &[LayerStatus] {
        &self.layers
    }

    pub fn has(&self, layer: Layer) -> bool {
        detection::has(&self.layers, layer)
    }

    /// Lends a control group to one process. Returns `None` without the layer, or on a failure: a failure is only
    /// logged, because the watchdog enforces the limits without a group.
    pub fn lend_group(&self, limits: &ProcessLimits) -> Option<ControlGroup> {
        let lent = self.groups.as_ref()?.lend(limits);
        lent.inspect_err(|error| tracing::warn!(%error, "a process gets no control group"))
            .ok()
    }

    /// Returns whether functions can use IPv6.
    pub fn has_ipv6(&self) -> bool {
        self.config.ipv6
    }

    /// Returns whether a worker may listen on a port of loopback, for a debugger.
    pub fn has_debugger(&self) -> bool {
        self.config.debugger
    }

    /// Returns whether Deno's own permissions are used. Only tests turn them off.
    pub fn uses_permissions(&self) -> bool {
        #[cfg(debug_assertions)]
        return self.config.permissions;
        #[cfg(not(debug_assertions))]
        true
    }

    /// Lends a user id to one process. Returns `None` without the layer.
    ///
    /// # Errors
    ///
    /// When all user ids are in use.
    pub fn lend_user(&self) -> std::io::Result<Option<LentUser>> {
        self.has(Layer::User).then(|| self.users.lend()).transpose()
    }

    /// Opens networks in the firewall for one user id, until the id is returned. Does nothing without the layer.
    ///
    /// # Errors
    ///
    /// When the firewall refuses the rules.
    pub fn open_firewall(&self, user: &mut LentUser, openings: &[Opening]) -> std::io::Result<()> {
        if let Some(firewall) = &self.firewall {
            let chain = firewall.open(user.user().id(), openings);
            user.chain = Some(chain.map_err(std::io::Error::other)?);
        }
        Ok(())
    }

    /// Returns the user that fetches packages and owns their cache, or `None` without the layer.
    pub fn builder(&self) -> Option<ProcessUser> {
        self.has(Layer::User).then(|| self.users.builder())
    }
}
