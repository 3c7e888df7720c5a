//! What to do now about the due times since the last look.

use jiff::{SignedDuration, Timestamp};

use crate::schedule::Schedule;

/// A run that could not start for longer than this is missed.
pub const GRACE: SignedDuration = SignedDuration::from_secs(60);
/// Missed due times before this are not counted.
pub const LOOK_BACK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How a schedule treats its due times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rules {
    /// Added to every due time.
    pub delay: SignedDuration,
    /// How long after its due time the last missed run is still made up for; `None`: never.
    pub catch_up: Option<SignedDuration>,
}

/// What to do now. The due times of `missed` are before those of `start`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    pub missed: Option<Missed>,
    pub start: Vec<Start>,
}

/// A run to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    pub due: Timestamp,
    /// It is late, and makes up for missed runs.
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

/// The due times after `settled` that have come by `now`. A clock that went back makes none due, because they are settled
/// already.
pub fn due(schedule: &Schedule, rules: Rules, settled: Timestamp, now: Timestamp) -> Due {
    let from = match now.checked_sub(LOOK_BACK) {
        Ok(look_back) => settled.max(look_back),
        Err(_) => settled,
    };
    let starts_at = |due: Timestamp| due.checked_add(rules.delay).unwrap_or(Timestamp::MAX);
    let dues: Vec<Timestamp> = schedule
        .upcoming(from)
        .take_while(|due| starts_at(*due) <= now)
        .collect();
    let late = dues.partition_point(|due| now.duration_since(starts_at(*due)) > GRACE);
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
