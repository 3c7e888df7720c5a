//! A cron expression in a time zone, and the rule for clock changes.
//!
//! croner finds the matching wall clock times; this module maps them to instants. An expression without `*` and without
//! a step in minute and hour has **fixed times**: each runs once a day, even if the clock changes. Any other expression
//! is a **wildcard**: it runs at every instant whose wall clock time matches.
//!
//! | | the clock goes forward: times that do not exist | the clock goes back: times that exist twice |
//! |---|---|---|
//! | fixed times | run once, together, when the gap ends | run the first time only |
//! | wildcard | do not run | run both times |

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::error::ScheduleError;
use crate::field::FIELDS;
use crate::wall::Wall;

/// A cron expression in a time zone.
#[derive(Debug, Clone)]
pub struct Schedule {
    pattern: Cron,
    has_fixed_times: bool,
    zone: TimeZone,
}

impl Schedule {
    /// Parses a five-field expression and an IANA time zone.
    ///
    /// # Errors
    /// [`ScheduleError`]: a value out of its range, an expression that never matches, or an unknown zone.
    pub fn parse(expression: &str, timezone: &str) -> Result<Self, ScheduleError> {
        let expression = expression.trim();
        if expression.starts_with('@') {
            return Err(ScheduleError::Nickname(expression.to_owned()));
        }
        let upper = expression.to_ascii_uppercase();
        let fields: Vec<&str> = upper.split_ascii_whitespace().collect();
        if fields.len() != FIELDS.len() {
            return Err(ScheduleError::FieldCount {
                count: fields.len(),
            });
        }
        for (field, text) in FIELDS.iter().zip(&fields) {
            field.check(text)?;
        }
        let pattern = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build()
            .parse(&upper)
            .map_err(|error| ScheduleError::Pattern(error.to_string()))?;
        // After 2000, every combination of date and weekday that exists occurs. So a failed search means that none
        // matches.
        let start = Wall(DateTime::constant(2000, 1, 1, 0, 0, 0, 0));
        pattern
            .find_next_occurrence(&start, true)
            .map_err(|_| ScheduleError::Never)?;
        Ok(Self {
            pattern,
            has_fixed_times: !fields[..2].iter().any(|field| field.contains(['*', '/'])),
            zone: TimeZone::get(timezone).map_err(|_| ScheduleError::Zone(timezone.to_owned()))?,
        })
    }

    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Returns the first due time after an instant, or `None` if there is none before the end of the calendar.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        if self.has_fixed_times {
            self.next_fixed(after)
        } else {
            self.next_wildcard(after)
        }
    }

    /// Returns the due times after an instant, in order.
    pub fn upcoming(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> + '_ {
        std::iter::successors(self.next_after(after), |due| self.next_after(*due))
    }

    /// Returns the first instant after `after` to which a matching wall clock time maps. Later wall clock times never
    /// map to earlier instants, so the search can stop there.
    fn next_fixed(&self, after: Timestamp) -> Option<Timestamp> {
        let mut wall = Wall(self.zone.to_datetime(after));
        loop {
            wall = self.pattern.find_next_occurrence(&wall, false).ok()?;
            let due = self.instant(wall.0)?;
            if due > after {
                return Some(due);
            }
        }
    }

    /// Returns the instant at which a fixed time runs.
    fn instant(&self, wall: DateTime) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(wall);
        let earlier = ambiguous.earlier().ok()?;
        match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => Some(earlier),
            // For a time in a gap, `earlier` uses the offset after the gap, so `earlier` is an instant before the
            // change.
            AmbiguousOffset::Gap { .. } => {
                let change = self.zone.following(earlier).next()?;
                Some(change.timestamp())
            }
        }
    }

    /// Returns the first instant after `after` whose wall clock time matches. Searches each period of constant offset
    /// in turn.
    fn next_wildcard(&self, after: Timestamp) -> Option<Timestamp> {
        let (mut from, mut is_included) = (after, false);
        loop {
            let offset = self.zone.to_offset(from);
            let wall = Wall(offset.to_datetime(from));
            let next = self.pattern.find_next_occurrence(&wall, is_included).ok()?;
            let due = offset.to_timestamp(next.0).ok()?;
            let change = self.zone.following(from).next();
            match change.map(|change| change.timestamp()) {
                Some(change) if change <= due => (from, is_included) = (change, true),
                _ => return Some(due),
            }
        }
    }
}
