//! Limits of one function. An administrator sets them, and they override the server's limits.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use super::Limits;

macro_rules! function_limits {
    ($($name:ident $set:expr;)*) => {
        /// The names of the limits that can be set for one function, as in the configuration.
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        fn set(limits: &mut Limits, name: &str, value: u64) {
            match name {
                $(stringify!($name) => {
                    let set: fn(&mut Limits, u64) = $set;
                    set(limits, value);
                })*
                _ => {}
            }
        }
    };
}

function_limits! {
    cpu_weight |limits, value| limits.cpu_weight = value;
    idle_timeout_ms |limits, value| limits.idle_timeout_ms = value;
    max_body_bytes |limits, value| limits.max_body_bytes = value;
    max_concurrent_requests |limits, value| limits.max_concurrent_requests = count(value);
    max_concurrent_streams |limits, value| limits.max_concurrent_streams = count(value);
    max_heap_mib |limits, value| limits.max_heap_mib = value;
    max_memory_mib |limits, value| limits.max_memory_mib = value;
    max_processes_per_function |limits, value| limits.max_processes_per_function = Some(count(value));
    max_queued_requests |limits, value| limits.max_queued_requests = count(value);
    max_request_timeout_ms |limits, value| limits.max_request_timeout_ms = value;
    request_timeout_ms |limits, value| limits.request_timeout_ms = value;
    stall_timeout_ms |limits, value| limits.stall_timeout_ms = value;
    startup_timeout_ms |limits, value| limits.startup_timeout_ms = value;
}

fn count(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// The name of a limit that can be set for one function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LimitName(&'static str);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a limit of a function; the limits are {}", NAMES.join(", "))]
pub struct ParseLimitNameError {
    name: String,
}

impl LimitName {
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().copied().map(Self)
    }

    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl FromStr for LimitName {
    type Err = ParseLimitNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.strip_prefix("limits.").unwrap_or(text);
        let known = NAMES.iter().find(|known| **known == name);
        known.copied().map(Self).ok_or_else(|| ParseLimitNameError {
            name: text.escape_debug().to_string(),
        })
    }
}

impl<'de> Deserialize<'de> for LimitName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for LimitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The limits that an administrator has set for one function.
pub type OwnLimits = BTreeMap<LimitName, u64>;

/// The effective limits of one function: the server's limits, overridden by the function's own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FunctionLimits {
    limits: Limits,
    own: OwnLimits,
}

impl FunctionLimits {
    pub fn new(server: &Limits, own: &OwnLimits) -> Self {
        let mut limits = server.clone();
        for (name, value) in own {
            set(&mut limits, name.as_str(), *value);
        }
        Self {
            limits,
            own: own.clone(),
        }
    }

    pub fn own(&self) -> &OwnLimits {
        &self.own
    }

    /// Describes a limit for errors, with its value and where it is set: `limits.max_memory_mib = 512, set for this
    /// function`.
    pub fn describe(&self, setting: &str) -> String {
        if setting == "max_body_memory_mib" && self.limits.max_body_memory_mib.is_none() {
            let memory = self.limits.body_memory_mib();
            return format!(
                "limits.{setting} = {memory}, 80 % of {}",
                self.describe("max_heap_mib")
            );
        }
        let whose = self.whose(setting);
        match self.limits.value(setting) {
            Some(value) => format!("limits.{setting} = {value}, {whose}"),
            None => format!("limits.{setting}, {whose}"),
        }
    }

    pub fn whose(&self, setting: &str) -> &'static str {
        if self.own.keys().any(|own| own.as_str() == setting) {
            "set for this function"
        } else {
            "a server setting"
        }
    }

    /// Whether a limit of the kernel or of V8 differs from the server's. Blank workers have the server's limits, so
    /// such a function needs a process of its own.
    pub fn needs_own_process(&self) -> bool {
        self.own
            .keys()
            .any(|name| ["cpu_weight", "max_heap_mib", "max_memory_mib"].contains(&name.as_str()))
    }
}

impl Deref for FunctionLimits {
    type Target = Limits;

    fn deref(&self) -> &Limits {
        &self.limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_sets_its_own_limit() {
        let server = Limits::default();
        for name in LimitName::all() {
            let own = OwnLimits::from([(name, 777)]);
            let limits = FunctionLimits::new(&server, &own);
            assert_eq!(limits.value(name.as_str()), Some(777), "{name}");
            for other in LimitName::all().filter(|other| *other != name) {
                let value = |limits: &Limits| limits.value(other.as_str());
                assert_eq!(value(&limits), value(&server), "{name}, {other}");
            }
        }
    }

    #[test]
    fn the_description_says_who_set_the_limit() {
        let own = OwnLimits::from([("max_memory_mib".parse().unwrap(), 512)]);
        let limits = FunctionLimits::new(&Limits::default(), &own);
        assert_eq!(
            limits.describe("max_memory_mib"),
            "limits.max_memory_mib = 512, set for this function"
        );
        assert_eq!(
            limits.describe("stall_timeout_ms"),
            "limits.stall_timeout_ms = 5000, a server setting"
        );
        assert_eq!(
            limits.describe("max_body_memory_mib"),
            "limits.max_body_memory_mib = 102, 80 % of limits.max_heap_mib = 128, a server setting"
        );
    }

    #[test]
    fn the_error_of_an_unknown_limit_lists_the_known_limits() {
        let error = "max_hops".parse::<LimitName>().unwrap_err().to_string();
        assert!(error.contains("max_concurrent_requests"), "{error}");
        assert!("limits.max_memory_mib".parse::<LimitName>().is_ok());
    }
}
