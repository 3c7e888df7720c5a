//! Hostile functions and uploads, and their expected outcome as seen from outside: in answers, in the server's log, in
//! the system's process list, and in the answers of a well-behaved function beside them.
//!
//! Each function is a file in `functions/`.

mod exhaustion;
mod reach;
mod stage;
mod tampering;
mod uploads;
#[cfg(debug_assertions)]
mod walls;

use stage::{Failures, Hostile, Stage, hostile};
