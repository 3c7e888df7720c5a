//! Computes when schedules are due. No I/O and no clock: every function gets the time as an argument.
//!
//! - [`Schedule`] is a checked cron expression in a time zone. It applies the rule for clock changes
//!   ([160](../../../docs/decisions/160-clock-changes.md)).
//! - [`due`] decides which due times start a run now, and which were missed.

mod due;
mod error;
mod field;
mod schedule;
mod wall;

pub use due::{Due, GRACE, LOOK_BACK, Missed, Rules, Start, due};
pub use error::ScheduleError;
pub use schedule::Schedule;
