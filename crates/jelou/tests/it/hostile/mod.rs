//! Functions and uploads that mean harm, each with what must become of it, as seen from outside: in answers, in the
//! server's log, in the system's list of processes, and in how a well-behaved function fares beside them.
//!
//! The functions are in `functions/`, one file each.

mod exhaustion;
mod reach;
mod stage;
mod tampering;
mod uploads;
#[cfg(debug_assertions)]
mod walls;

use stage::{Failures, Hostile, Stage, hostile};
