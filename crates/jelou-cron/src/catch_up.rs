//! Decides which due times since the last check start a run now, and which were missed.

use jiff::{SignedDuration, Timestamp};

use crate::schedule::Schedule;

/// Maximum lateness of a run. A due time that is further in the past and has no run counts as missed.
pub const MAX_LATENESS: SignedDuration = SignedDuration::from_secs(60);
/// How far back [`sort_due`] searches. Older due times are neither run nor counted as missed.
pub const LOOK_BACK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The settings of a schedule that [`sort_due`] applies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rules {
    /// How long after its due time a run starts.
    pub delay: SignedDuration,
    /// Maximum age of the last missed due time that still gets a run. `None`: missed due times get no run.
    pub catch_up: Option<SignedDuration>,
}

/// The result of [`sort_due`]. The due times of `missed` are before those of `start`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    pub missed: Option<Missed>,
    pub start: Vec<Start>,
}

/// A run to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    pub due: Timestamp,
    /// Whether this late run makes up for missed ones.
    pub is_catch_up: bool,
}

/// Due times that passed without a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    pub first: Timestamp,
    pub last: Timestamp,
    pub count: u64,
}

impl Missed {
    fn of(dues: &[Timestamp]) -> Option<Self> {
        Some(Self {
            first: *dues.first()?,
            last: *dues.last()?,
            count: dues.len() as u64,
        })
    }
}

/// Sorts the due times after `settled`, up to `now`, into runs to start and missed runs. Due times up to `settled` were
/// decided by an earlier call, so a clock that is set back cannot make them due again.
pub fn sort_due(schedule: &Schedule, rules: Rules, settled: Timestamp, now: Timestamp) -> Due {
    let from = match now.checked_sub(LOOK_BACK) {
        Ok(look_back) => settled.max(look_back),
        Err(_) => settled,
    };
    let starts_at = |due: Timestamp| due.checked_add(rules.delay).unwrap_or(Timestamp::MAX);
    let dues: Vec<Timestamp> = schedule
        .upcoming(from)
        .take_while(|due| starts_at(*due) <= now)
        .collect();
    let late = dues.partition_point(|due| now.duration_since(starts_at(*due)) > MAX_LATENESS);
    let (late, in_time) = dues.split_at(late);
    let mut start: Vec<Start> = in_time
        .iter()
        .map(|due| Start {
            due: *due,
            is_catch_up: false,
        })
        .collect();
    let mut missed = late;
    if let (Some(window), [earlier @ .., last], []) = (rules.catch_up, late, in_time)
        && now.duration_since(*last) <= window
    {
        start.push(Start {
            due: *last,
            is_catch_up: true,
        });
        missed = earlier;
    }
    Due {
        missed: Missed::of(missed),
        start,
    }
}
