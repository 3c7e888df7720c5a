//! Computes when schedules are due. No I/O and no clock: every function gets the time as an argument.
//!
//! - [`Schedule`] is a checked cron expression in a time zone. It applies the rule for clock changes
//!   ([160](../../../docs/decisions/160-clock-changes.md)).
//! - [`due`] decides which due times start a run now, and which were missed.

mod catch_up;
mod error;
mod field;
mod schedule;
mod wall;

pub use catch_up::{Due, LOOK_BACK, MAX_LATENESS, Missed, Rules, Start, sort_due};
pub use error::ScheduleError;
pub use schedule::Schedule;
