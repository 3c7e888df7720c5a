//! What the engine does for its processes when no request asks for it: ends those that nobody uses, and those whose
//! memory others need, and gives busy functions more of them.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::capacity::machine::Cores;
use crate::engine::Shared;

const PERIOD: Duration = Duration::from_millis(500);

/// Goes on for as long as there is the engine.
pub(crate) async fn run(shared: Weak<Shared>) {
    let mut cores = Cores::default();
    loop {
        tokio::time::sleep(PERIOD).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let timeout = shared.limits.idle_timeout();
        shared.running.end_idle(timeout);
        keep_to_budget(&shared);
        let free_percent = cores.look(jelou_sandbox::cores());
        for processes in shared.tracked() {
            processes.care(free_percent);
        }
    }
}

/// Processes that grow are not stopped by the budget, so others go: first those that have a function and nothing to do,
/// then the blank ones.
fn keep_to_budget(shared: &Arc<Shared>) {
    shared.budget.look_at_machine();
    let excess = shared.budget.excess();
    if excess > 0 {
        let missing = shared.running.evict(excess, Duration::ZERO, &shared.budget);
        if missing > 0 {
            shared.pool.end_one();
        }
    }
}
