//! Computes when each schedule is due next. No I/O.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jelou_core::{DeploymentId, FunctionId};
use jelou_cron::Due;
use jelou_store::{FunctionRecord, ScheduleState};
use jiff::{SignedDuration, Timestamp};

use super::planned::{Deployed, Planned, PlannedState};
use crate::config;
use crate::registry::{Function, Live, Registry};

/// How long before a run a process is started for it.
const WARM_AHEAD: SignedDuration = SignedDuration::from_secs(2);

#[derive(Debug)]
pub(super) struct Table {
    functions: HashMap<FunctionId, Schedules>,
    /// By schedule: the user who paused it. A pause outlives the deployment, so that neither a rollback nor a later
    /// deploy with the same schedule undoes it.
    paused: HashMap<Key, String>,
    /// By schedule: the due time up to which an earlier process claimed all runs or counted them as missed.
    settled: HashMap<Key, Timestamp>,
    /// By function: when its deployment went live, if that was in an earlier process.
    live_since: HashMap<FunctionId, Timestamp>,
}

type Key = (FunctionId, String);

/// The schedules of a live deployment.
#[derive(Debug)]
struct Schedules {
    deployment: DeploymentId,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    planned: Planned,
    /// All due times up to this one were claimed or missed.
    settled: Timestamp,
    /// When the next run starts. `None` while the schedule is paused.
    next: Option<Timestamp>,
    is_paused: bool,
    is_warm: bool,
}

/// The due times of one schedule that have passed.
#[derive(Debug)]
pub(super) struct DueNow {
    pub(super) planned: Planned,
    pub(super) due: Due,
}

/// What the scheduler must do now.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub(super) due: Vec<DueNow>,
    /// Schedules with a run soon. A process is started for them ahead of the run.
    pub(super) soon: Vec<Planned>,
}

/// A schedule that cannot run. A deploy refuses such schedules, but earlier versions accepted them.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) function: Arc<Function>,
    pub(super) reason: String,
}

impl Table {
    pub(super) fn new(states: Vec<ScheduleState>, functions: &[FunctionRecord]) -> Self {
        let (mut paused, mut settled) = (HashMap::new(), HashMap::new());
        for state in states {
            let key = (state.function, state.schedule);
            if state.paused_at.is_some() {
                paused.insert(key.clone(), state.paused_by.unwrap_or_default());
            }
            settled.insert(key, state.settled_until);
        }
        let live = functions.iter().filter(|function| function.live.is_some());
        Self {
            functions: HashMap::new(),
            paused,
            settled,
            live_since: live
                .map(|function| (function.id.clone(), function.updated_at))
                .collect(),
        }
    }

    /// Replaces the entries by the schedules of the live deployments. Returns the schedules that cannot run.
    pub(super) fn refresh(
        &mut self,
        registry: &Registry,
        now: Timestamp,
        settings: &config::Cron,
    ) -> Vec<Refused> {
        let mut refused = Vec::new();
        let mut before = std::mem::take(&mut self.functions);
        for function in registry.functions() {
            let Some(live) = function.live.load_full() else {
                continue;
            };
            let deployment = &live.slot.spec().deployment;
            let former = before.remove(&function.id);
            let schedules = match former {
                Some(known) if known.deployment == *deployment => known,
                former => {
                    let former = former.map_or_else(Vec::new, |former| former.entries);
                    let entries = self.plan(&function, &live, &former, now, settings, &mut refused);
                    Schedules {
                        deployment: deployment.clone(),
                        entries,
                    }
                }
            };
            if !schedules.entries.is_empty() {
                self.functions.insert(function.id.clone(), schedules);
            }
        }
        refused
    }

    /// Plans the schedules of a deployment that is not in the table yet.
    fn plan(
        &mut self,
        function: &Arc<Function>,
        live: &Live,
        former: &[Entry],
        now: Timestamp,
        settings: &config::Cron,
        refused: &mut Vec<Refused>,
    ) -> Vec<Entry> {
        let deployed = Deployed {
            function,
            deployment: &live.slot.spec().deployment,
            manifest: &live.manifest,
            start: Arc::default(),
        };
        let since = self.live_since.remove(&function.id);
        let tools = live.manifest.tools.iter().enumerate();
        let positions = tools.flat_map(|(tool, definition)| {
            (0..definition.cron.len()).map(move |position| (tool, position))
        });
        let mut entries = Vec::new();
        for (tool, position) in positions {
            let mut planned = match Planned::new(&deployed, tool, position, settings) {
                Ok(planned) => planned,
                Err(error) => {
                    let expression = &live.manifest.tools[tool].cron[position].expression;
                    refused.push(Refused {
                        function: Arc::clone(function),
                        reason: format!("the schedule `{expression}` does not run: {error}"),
                    });
                    continue;
                }
            };
            let key = (function.id.clone(), planned.key.clone());
            let stored = self.settled.remove(&key);
            let former = former
                .iter()
                .find(|former| former.planned.key == planned.key);
            let settled = match (former, since) {
                (Some(former), _) if former.planned.is_as(&planned) => former.settled,
                // The deployment went live in an earlier process.
                (None, Some(since)) => {
                    // The clock of the server that deployed it may have been ahead.
                    let since = since.min(now);
                    since.max(stored.unwrap_or(since))
                }
                _ => now,
            };
            if let Some(former) = former {
                planned.lane = Arc::clone(&former.planned.lane);
            }
            let is_paused = self.paused.contains_key(&key);
            entries.push(Entry::new(planned, settled, is_paused));
        }
        entries
    }

    /// Returns the schedules that are due now, and those that are due soon.
    pub(super) fn look(&mut self, now: Timestamp) -> Look {
        let mut look = Look::default();
        let schedules = self.functions.values_mut();
        for entry in schedules.flat_map(|schedules| &mut schedules.entries) {
            let Some(next) = entry.next.filter(|next| *next - WARM_AHEAD <= now) else {
                continue;
            };
            let planned = &entry.planned;
            if next <= now {
                look.due.push(DueNow {
                    due: jelou_cron::sort_due(&planned.schedule, planned.rules, entry.settled, now),
                    planned: planned.clone(),
                });
            } else if !std::mem::replace(&mut entry.is_warm, true) {
                look.soon.push(planned.clone());
            }
        }
        look
    }

    /// Returns the earliest time at which the scheduler has something to do.
    pub(super) fn next_look(&self) -> Option<Timestamp> {
        let schedules = self.functions.values();
        schedules
            .flat_map(|schedules| &schedules.entries)
            .filter_map(|entry| {
                let next = entry.next?;
                Some(if entry.is_warm {
                    next
                } else {
                    next - WARM_AHEAD
                })
            })
            .min()
    }

    /// Records that all due times of a schedule up to `until` were claimed or missed.
    pub(super) fn settle(&mut self, planned: &Planned, until: Timestamp) {
        self.change(&planned.function.id, &planned.key, |entry| {
            entry.settled = entry.settled.max(until);
        });
    }

    /// Pauses a schedule in the name of `by`, or resumes it if `by` is `None`.
    pub(super) fn set_paused(
        &mut self,
        function: &FunctionId,
        key: &str,
        by: Option<String>,
        now: Timestamp,
    ) {
        let is_paused = by.is_some();
        let id = (function.clone(), key.to_owned());
        match by {
            Some(by) => self.paused.insert(id, by),
            None => self.paused.remove(&id),
        };
        self.change(function, key, |entry| {
            entry.is_paused = is_paused;
            entry.settled = now;
        });
    }

    /// Pauses and resumes the schedules whose stored state differs. `states` are those of all schedules.
    pub(super) fn apply(&mut self, states: &[ScheduleState], now: Timestamp) {
        let stored: HashSet<_> = states
            .iter()
            .map(|state| (&state.function, state.schedule.as_str()))
            .collect();
        let is_stored = |key: &&Key| stored.contains(&(&key.0, key.1.as_str()));
        let paused = self.paused.keys();
        let gone: Vec<Key> = paused.filter(|key| !is_stored(key)).cloned().collect();
        for (function, schedule) in gone {
            self.set_paused(&function, &schedule, None, now);
        }
        for state in states {
            let key = (state.function.clone(), state.schedule.clone());
            let by = state.paused_at.map(|_| state.paused_by.clone());
            let by = by.map(Option::unwrap_or_default);
            if self.paused.get(&key) != by.as_ref() {
                self.set_paused(&state.function, &state.schedule, by, now);
            }
        }
    }

    pub(super) fn of(&self, function: &FunctionId) -> Vec<PlannedState> {
        let schedules = self.functions.get(function);
        let entries = schedules.map_or(&[][..], |schedules| &schedules.entries);
        let state = |entry: &Entry| PlannedState {
            planned: entry.planned.clone(),
            settled: entry.settled,
            paused_by: self
                .paused
                .get(&(function.clone(), entry.planned.key.clone()))
                .cloned(),
        };
        entries.iter().map(state).collect()
    }

    fn change(&mut self, function: &FunctionId, key: &str, change: impl FnOnce(&mut Entry)) {
        let Some(schedules) = self.functions.get_mut(function) else {
            return;
        };
        let mut entries = schedules.entries.iter_mut();
        if let Some(entry) = entries.find(|entry| entry.planned.key == key) {
            change(entry);
            entry.plan();
        }
    }
}

impl Entry {
    fn new(planned: Planned, settled: Timestamp, is_paused: bool) -> Self {
        let mut entry = Self {
            planned,
            settled,
            next: None,
            is_paused,
            is_warm: false,
        };
        entry.plan();
        entry
    }

    fn plan(&mut self) {
        let Planned {
            schedule, rules, ..
        } = &self.planned;
        let due = schedule.next_after(self.settled);
        let next = due.and_then(|due| due.checked_add(rules.delay).ok());
        self.next = next.filter(|_| !self.is_paused);
        self.is_warm = false;
    }
}
