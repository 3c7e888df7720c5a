//! Waits for events that send no notification.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The longest time that an event may take before the test fails.
const PATIENCE: Duration = Duration::from_mins(2);
/// The pause between two checks.
const PERIOD: Duration = Duration::from_millis(10);

/// Calls `poll` until it returns a value.
pub(crate) fn eventually<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = poll() {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(PERIOD);
    }
}

/// A lock for tests that need a processor alone or keep it busy. These tests run one after the other.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
