//! Tests jumps of the clock, a machine that sleeps, and restarts.

use jelou_cron::{Due, Rules, Schedule, sort_due};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

const MINUTE: SignedDuration = SignedDuration::from_secs(60);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn schedule(expression: &str) -> Schedule {
    Schedule::parse(expression, "America/Santiago").unwrap()
}

fn with_catch_up(window: SignedDuration) -> Rules {
    Rules {
        catch_up: Some(window),
        ..Rules::default()
    }
}

/// A scheduler that gets the time from the test.
struct Scheduler {
    schedule: Schedule,
    rules: Rules,
    settled: Timestamp,
    started: Vec<Timestamp>,
    missed: u64,
}

impl Scheduler {
    fn new(expression: &str, rules: Rules, now: Timestamp) -> Self {
        Self {
            schedule: schedule(expression),
            rules,
            settled: now,
            started: Vec::new(),
            missed: 0,
        }
    }

    fn look(&mut self, now: Timestamp) -> Due {
        let due = sort_due(&self.schedule, self.rules, self.settled, now);
        if let Some(missed) = due.missed {
            self.settled = self.settled.max(missed.last);
            self.missed += missed.count;
        }
        for start in &due.start {
            self.settled = self.settled.max(start.due);
            self.started.push(start.due);
        }
        due
    }
}

#[test]
fn a_clock_that_goes_back_an_hour_starts_nothing_twice() {
    let mut now = at("2026-11-29T10:00:30Z");
    let mut scheduler = Scheduler::new("* * * * *", Rules::default(), now);
    for _ in 0..90 {
        now += MINUTE;
        assert_eq!(scheduler.look(now).start.len(), 1);
    }
    now -= HOUR;
    for _ in 0..60 {
        now += MINUTE;
        assert_eq!(scheduler.look(now), Due::default());
    }
    now += MINUTE;
    assert_eq!(scheduler.look(now).start.len(), 1);
    let mut unique = scheduler.started.clone();
    unique.dedup();
    assert_eq!(unique.len(), scheduler.started.len());
    assert_eq!(scheduler.missed, 0);
}

#[test]
fn a_clock_that_goes_ahead_an_hour_misses_an_hour() {
    let now = at("2026-11-29T10:00:30Z");
    let mut scheduler = Scheduler::new("* * * * *", Rules::default(), now);
    let due = scheduler.look(now + HOUR);
    assert_eq!(due.start.len(), 1);
    let missed = due.missed.unwrap();
    assert_eq!(missed.count, 59);
    assert_eq!(missed.first, at("2026-11-29T10:01:00Z"));
    assert_eq!(missed.last, at("2026-11-29T10:59:00Z"));
    assert_eq!(due.start[0].due, at("2026-11-29T11:00:00Z"));
    assert!(!due.start[0].is_catch_up);
}

#[test]
fn after_a_day_asleep_only_the_last_missed_run_is_caught_up() {
    let slept = at("2026-11-28T12:00:00Z");
    let now = slept + DAY;
    let mut hourly = Scheduler::new("10 * * * *", with_catch_up(DAY), slept);
    let due = hourly.look(now);
    assert_eq!(due.missed.unwrap().count, 23);
    assert_eq!(due.start.len(), 1);
    assert!(due.start[0].is_catch_up);
    assert_eq!(due.start[0].due, at("2026-11-29T11:10:00Z"));
    assert_eq!(hourly.look(now + MINUTE), Due::default());

    let mut without = Scheduler::new("10 * * * *", Rules::default(), slept);
    let due = without.look(now);
    assert_eq!((due.missed.unwrap().count, due.start.len()), (24, 0));

    let mut too_late = Scheduler::new("10 * * * *", with_catch_up(HOUR / 2), slept);
    let due = too_late.look(now);
    assert_eq!((due.missed.unwrap().count, due.start.len()), (24, 0));

    // A run that starts in time replaces the catch-up run.
    let mut minutely = Scheduler::new("* * * * *", with_catch_up(DAY), slept);
    let due = minutely.look(now + MINUTE / 2);
    assert_eq!((due.missed.unwrap().count, due.start.len()), (1439, 1));
    assert!(!due.start[0].is_catch_up);
}

#[test]
fn a_quick_restart_misses_nothing() {
    let settled = at("2026-11-29T11:00:00Z");
    let mut scheduler = Scheduler::new("0 * * * *", Rules::default(), settled);
    let due = scheduler.look(at("2026-11-29T12:00:20Z"));
    assert_eq!((due.missed, due.start.len()), (None, 1));
    let due = scheduler.look(at("2026-11-29T13:01:01Z"));
    assert_eq!((due.missed.unwrap().count, due.start.len()), (1, 0));
}

#[test]
fn a_delay_moves_the_start_and_not_the_due_time() {
    let settled = at("2026-11-29T11:30:00Z");
    let rules = Rules {
        delay: MINUTE * 5,
        ..Rules::default()
    };
    let mut scheduler = Scheduler::new("0 * * * *", rules, settled);
    assert_eq!(scheduler.look(at("2026-11-29T12:04:59Z")), Due::default());
    let due = scheduler.look(at("2026-11-29T12:05:00Z"));
    assert_eq!(due.start[0].due, at("2026-11-29T12:00:00Z"));
}

#[test]
fn a_long_absence_is_counted_for_a_week() {
    let mut scheduler = Scheduler::new("* * * * *", Rules::default(), at("2020-01-01T00:00:00Z"));
    let begin = std::time::Instant::now();
    let missed = scheduler.look(at("2026-11-29T12:00:30Z")).missed.unwrap();
    assert_eq!(missed.count, 7 * 24 * 60 - 1);
    assert!(begin.elapsed().as_secs() < 5);
}

proptest! {
    /// However the clock jumps, no due time starts twice, and each due time that the clock passed was started or
    /// missed.
    #[test]
    fn no_due_time_is_lost_or_doubled(steps in prop::collection::vec(-4_000_i64..6_000, 1..60)) {
        let mut now = at("2026-09-05T22:00:00Z");
        let begin = now;
        let mut scheduler = Scheduler::new("*/7 * * * *", with_catch_up(DAY), now);
        let mut furthest = now;
        for step in steps {
            now += SignedDuration::from_secs(step);
            furthest = furthest.max(now);
            scheduler.look(now);
        }
        let mut unique = scheduler.started.clone();
        unique.sort();
        unique.dedup();
        prop_assert_eq!(unique.len(), scheduler.started.len());
        let passed = schedule("*/7 * * * *").upcoming(begin).take_while(|due| *due <= furthest).count();
        prop_assert_eq!(scheduler.started.len() as u64 + scheduler.missed, passed as u64);
    }
}
