//! A schedule of a live deployment.

use std::sync::Arc;

use jelou_core::manifest::{CatchUp, Manifest, Overlap, Schedule, Tool};
use jelou_core::{DeploymentId, FunctionId};
use jelou_cron::{Rules, ScheduleError};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::check;
use super::lane::Lane;
use crate::config;
use crate::registry::Function;

#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(super) function: Arc<Function>,
    pub(super) deployment: DeploymentId,
    manifest: Arc<Manifest>,
    tool: usize,
    position: usize,
    pub(super) key: String,
    pub(super) schedule: jelou_cron::Schedule,
    pub(super) rules: Rules,
    pub(super) lane: Arc<Lane>,
    /// Locked while a process of the function starts for one of its schedules.
    pub(super) start: Arc<Mutex<()>>,
}

#[derive(Debug, Clone)]
pub(crate) struct PlannedState {
    pub(crate) planned: Planned,
    /// All due times up to this one were claimed or missed.
    pub(crate) settled: Timestamp,
    /// Name of the access token that paused the schedule. `None`: not paused.
    pub(crate) paused_by: Option<String>,
}

/// The data of a deployment from which its schedules are planned.
pub(super) struct Deployed<'a> {
    pub(super) function: &'a Arc<Function>,
    pub(super) deployment: &'a DeploymentId,
    pub(super) manifest: &'a Arc<Manifest>,
    pub(super) start: Arc<Mutex<()>>,
}

impl Planned {
    /// Plans the schedule at `position` of the tool's schedules.
    pub(super) fn new(
        deployed: &Deployed<'_>,
        tool: usize,
        position: usize,
        settings: &config::Cron,
    ) -> Result<Self, ScheduleError> {
        let function = deployed.function;
        let definition = &deployed.manifest.tools[tool].cron[position];
        let key = definition.key(&deployed.manifest.tools[tool].key);
        Ok(Self {
            schedule: check::parse(definition)?,
            rules: rules(definition, &function.id, &key, settings),
            function: Arc::clone(function),
            deployment: deployed.deployment.clone(),
            manifest: Arc::clone(deployed.manifest),
            tool,
            position,
            key,
            lane: Arc::default(),
            start: Arc::clone(&deployed.start),
        })
    }

    /// Returns the id of the schedule, which is unique within its function.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Returns the word for the schedule in commands.
    pub(crate) fn label(&self) -> String {
        self.tool().schedule_label(self.position)
    }

    pub(crate) fn upcoming(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> + '_ {
        self.schedule.upcoming(after)
    }

    pub(crate) fn zone(&self) -> &TimeZone {
        self.schedule.zone()
    }

    pub(crate) fn tool(&self) -> &Tool {
        &self.manifest.tools[self.tool]
    }

    pub(crate) fn definition(&self) -> &Schedule {
        &self.tool().cron[self.position]
    }

    /// Whether both schedules are due at the same times.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        let (one, other) = (self.definition(), other.definition());
        one.expression == other.expression && one.timezone == other.timezone
    }

    /// Whether the `overlap` rule forbids a run that is due now, because of earlier runs on this server.
    pub(super) fn is_overlapped(&self) -> bool {
        let runs = u64::try_from(self.lane.runs()).unwrap_or(u64::MAX);
        self.max_earlier_runs().is_some_and(|max| runs > max)
    }

    /// Returns how many earlier runs the `overlap` rule allows at the start of a run. `None`: any number.
    pub(super) fn max_earlier_runs(&self) -> Option<u64> {
        match self.definition().overlap {
            Overlap::Allow => None,
            Overlap::Skip => Some(0),
            Overlap::Queue => Some(1),
        }
    }
}

fn rules(
    definition: &Schedule,
    function: &FunctionId,
    key: &str,
    settings: &config::Cron,
) -> Rules {
    let delay = match definition.spread_ms.unwrap_or_default() {
        0 => 0,
        spread => stable_hash(function.as_str(), key) % spread,
    };
    let millis = |value: u64| SignedDuration::from_millis(i64::try_from(value).unwrap_or(i64::MAX));
    Rules {
        delay: millis(delay),
        catch_up: match definition.catch_up {
            CatchUp::None => None,
            CatchUp::Last => Some(millis(settings.catch_up_window_ms)),
        },
    }
}

/// Hashes with FNV-1a: the hash must not change with an update of the server, because the delay of a schedule depends
/// on it.
fn stable_hash(function: &str, key: &str) -> u64 {
    let bytes = function.bytes().chain([0]).chain(key.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
