//! Settings that an administrator makes for one function: egress rules and limits.

use std::sync::Arc;

use jelou_core::api::{ChangeEgress, ChangeLimits, EgressRules, LimitInForce, LimitOwner};
use jelou_core::limits::LimitsError;
use jelou_core::{EgressRule, FunctionLimits, FunctionSettings, LimitName, OwnLimits, Slug};
use jelou_store::Actor;

use super::{Control, ControlError};
use crate::registry::Settings;

/// Maximum number of egress rules of a function. Each process gets all rules on its command line.
const MAX_RULES: usize = 50;

impl Control {
    /// Returns the settings in force: a limit that is not stored has the server's value.
    pub(crate) fn settings_in_force(&self, stored: &FunctionSettings) -> Arc<Settings> {
        Arc::new(Settings::new(self.engine.limits(), stored))
    }

    /// Returns the limits in force for a function, even for one that does not exist yet.
    pub(crate) fn limits_of(&self, slug: &Slug) -> Arc<FunctionLimits> {
        match self.registry.function(slug.as_str()) {
            Some(function) => function.limits(),
            None => Arc::clone(&self.settings_in_force(&FunctionSettings::default()).limits),
        }
    }

    pub(crate) async fn egress_rules(&self, slug: &Slug) -> Result<EgressRules, ControlError> {
        let settings = self.store.function_settings(slug).await?;
        Ok(self.described_rules(settings))
    }

    pub(crate) async fn change_egress(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        request: ChangeEgress,
    ) -> Result<EgressRules, ControlError> {
        let ChangeEgress { allow, deny } = request;
        if allow.is_empty() && deny.is_empty() {
            return Err(ControlError::Invalid {
                detail: "there are no egress rules to allow or deny".to_owned(),
                hint: "give at least one, for instance db.internal:5432",
            });
        }
        if let Some(rule) = allow.iter().find(|rule| rule.is_ipv6())
            && !self.engine.has_ipv6()
        {
            return Err(ControlError::Invalid {
                detail: format!(
                    "`{rule}` would have no effect: functions have no IPv6 on this server"
                ),
                hint: "`sandbox.ipv6 = true` in the server's configuration gives IPv6 to functions",
            });
        }
        self.change(|control| async move {
            let before = control.store.function_settings(&slug).await?;
            let added = allow.iter().filter(|rule| !before.egress.contains(rule));
            let count = before.egress.len() + added.count();
            if count > MAX_RULES {
                return Err(ControlError::Invalid {
                    detail: format!(
                        "there would be {count} egress rules; the limit is {MAX_RULES}"
                    ),
                    hint: "open a network instead of its addresses",
                });
            }
            let stored = control.store.change_egress(&actor, &slug, &allow, &deny);
            let settings = stored.await?;
            let named = |rules: &[_]| rules.iter().map(ToString::to_string).collect::<Vec<_>>();
            let changes = [("allowed", named(&allow)), ("denied", named(&deny))];
            control.put_settings(&slug, &before, &settings, "egress.changed", &changes);
            Ok(control.described_rules(settings))
        })
        .await
    }

    pub(crate) async fn limits_in_force(
        &self,
        slug: &Slug,
    ) -> Result<Vec<LimitInForce>, ControlError> {
        let stored = self.store.function_settings(slug).await?;
        Ok(described_limits(&self.settings_in_force(&stored).limits))
    }

    pub(crate) async fn change_limits(
        self: &Arc<Self>,
        actor: Actor,
        slug: Slug,
        request: ChangeLimits,
    ) -> Result<Vec<LimitInForce>, ControlError> {
        let ChangeLimits { set, unset } = request;
        if set.is_empty() && unset.is_empty() {
            return Err(ControlError::Invalid {
                detail: "there are no limits to set or unset".to_owned(),
                hint: "give at least one, for instance max_memory_mib=512",
            });
        }
        self.change(|control| async move {
            let before = control.store.function_settings(&slug).await?;
            control.check_own_limits(&before.limits, &set, &unset)?;
            let stored = control.store.change_limits(&actor, &slug, &set, &unset);
            let settings = stored.await?;
            let set = set.iter().map(|(name, value)| format!("{name} = {value}"));
            let unset = unset.iter().map(ToString::to_string);
            let changes = [("set", set.collect()), ("unset", unset.collect::<Vec<_>>())];
            control.put_settings(&slug, &before, &settings, "limits.changed", &changes);
            Ok(described_limits(
                &control.settings_in_force(&settings).limits,
            ))
        })
        .await
    }

    /// Checks the limits in force with the same rules as the server's limits. Also checks that the memory limit of one
    /// process is not over the memory limit of all processes.
    fn check_own_limits(
        &self,
        own: &OwnLimits,
        set: &OwnLimits,
        unset: &[LimitName],
    ) -> Result<(), ControlError> {
        let invalid = |detail| ControlError::Invalid {
            detail,
            hint: "`jelou limits show` shows the limits in force",
        };
        let mut own = own.clone();
        own.extend(set);
        own.retain(|name, _| !unset.contains(name));
        let server = self.engine.limits();
        let limits = FunctionLimits::new(server, &own);
        limits
            .validate()
            .map_err(|error| invalid(with_owners(&error, &limits)))?;
        let memory = limits.max_memory_mib;
        let all_mib = self.engine.workers_memory_mib();
        if own.keys().any(|name| name.as_str() == "max_memory_mib") && memory > all_mib {
            return Err(invalid(format!(
                "`limits.max_memory_mib` is {memory}, and all processes together have {all_mib} MiB (limits.max_workers_memory_mib, a server setting)"
            )));
        }
        Ok(())
    }

    /// Updates the settings in the registry, and replaces the processes of the function.
    fn put_settings(
        &self,
        slug: &Slug,
        before: &FunctionSettings,
        settings: &FunctionSettings,
        event: &'static str,
        changes: &[(&str, Vec<String>)],
    ) {
        if before == settings {
            return;
        }
        if let Some(function) = self.registry.function(slug.as_str()) {
            let in_force = self.settings_in_force(settings);
            for one in [vec![Arc::clone(&function)], function.previews.all()].concat() {
                one.set_settings(Arc::clone(&in_force));
                self.restart(&one);
            }
            let changes = changes.iter().filter(|(_, what)| !what.is_empty());
            let changes: Vec<_> = changes
                .map(|(verb, what)| format!("{verb}: {}", what.join(", ")))
                .collect();
            self.event(&function.id, None, event, changes.join("; "));
        }
    }

    fn described_rules(&self, settings: FunctionSettings) -> EgressRules {
        EgressRules {
            warnings: settings
                .egress
                .iter()
                .filter_map(EgressRule::warning)
                .collect(),
            function: settings.egress,
            server: self.engine.egress_rules().to_vec(),
        }
    }
}

/// Returns the error, and names the limits in it that come from the server.
fn with_owners(error: &LimitsError, limits: &FunctionLimits) -> String {
    let named = error.settings().iter();
    let own = |setting: &str| limits.own().keys().any(|name| name.as_str() == setting);
    let of_server: Vec<_> = named
        .filter(|setting| !own(setting))
        .map(|setting| format!("`limits.{setting}` is {}", limits.whose(setting)))
        .collect();
    if of_server.is_empty() {
        return error.to_string();
    }
    format!("{error}; {}", of_server.join(", "))
}

fn described_limits(limits: &FunctionLimits) -> Vec<LimitInForce> {
    let described = |name: LimitName| LimitInForce {
        name,
        value: limits.value(name.as_str()),
        set_for: if limits.own().contains_key(&name) {
            LimitOwner::Function
        } else {
            LimitOwner::Server
        },
    };
    LimitName::all().map(described).collect()
}
