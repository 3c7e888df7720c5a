//! Detects the layers that this kernel and this user support.

use std::borrow::Cow;
use std::path::Path;

use ipnet::IpNet;

use crate::config::{SandboxConfig, SandboxMode};
use crate::denied_addresses::denied_networks;
use crate::firewall::{self, Firewall};
use crate::layer::{Layer, LayerStatus};
use crate::{cgroup, filesystem, system_calls, user};

/// Returns the status of each layer for a server with this configuration. Changes nothing on the machine.
pub fn sandbox_layers(
    config: &SandboxConfig,
    egress_allow: &[IpNet],
    run_dir: &Path,
) -> Vec<LayerStatus> {
    let mut layers = Layers::of_processes(config, run_dir);
    layers.check(Layer::Cgroup, || cgroup::missing().map(Cow::from));
    layers.check(Layer::Firewall, || {
        firewall(config, egress_allow).missing().map(Cow::from)
    });
    layers.found
}

/// Collects the status of each layer.
pub(crate) struct Layers<'a> {
    config: &'a SandboxConfig,
    pub(crate) found: Vec<LayerStatus>,
}

impl<'a> Layers<'a> {
    /// Checks the layers that need no change to the machine: Landlock, seccomp and user.
    pub(crate) fn of_processes(config: &'a SandboxConfig, run_dir: &Path) -> Self {
        let mut layers = Self {
            config,
            found: Vec::new(),
        };
        layers.check(Layer::Landlock, || filesystem::missing().map(Cow::from));
        layers.check(Layer::Seccomp, || system_calls::missing().map(Cow::from));
        layers.check(Layer::User, || user::missing(run_dir).map(Cow::from));
        layers
    }

    /// Records a layer as active, unless the layer is turned off or `missing` returns a reason.
    pub(crate) fn check(
        &mut self,
        layer: Layer,
        missing: impl FnOnce() -> Option<Cow<'static, str>>,
    ) {
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

pub(crate) fn has(layers: &[LayerStatus], layer: Layer) -> bool {
    layers
        .iter()
        .any(|status| status.layer == layer && status.active)
}

pub(crate) fn firewall(config: &SandboxConfig, egress_allow: &[IpNet]) -> Firewall {
    let resolvers = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    Firewall {
        users: user::range(config.first_user_id),
        denied: denied_networks(egress_allow),
        resolvers: firewall::resolvers(&resolvers),
        ipv6: config.ipv6,
        debugger: config.debugger,
    }
}
