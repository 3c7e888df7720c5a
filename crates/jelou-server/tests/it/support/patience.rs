//! Waits for events that send no notification.

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
