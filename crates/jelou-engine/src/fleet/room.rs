//! Frees memory for another worker.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::eviction::{AllWorkers, Victims};
use crate::capacity::{Budget, Charge, NoRoom};

/// Interval between checks: no event reports that a worker became idle, or that the machine has more memory.
const POLL: Duration = Duration::from_millis(50);
/// Minimum time for which a start waits for evicted workers to end.
const EVICTION: Duration = Duration::from_secs(1);

/// Charges the memory of another worker. If it does not fit, evicts idle workers and waits.
///
/// # Errors
///
/// When no memory was freed before `deadline`. While enough evicted workers are ending, the wait is at least
/// [`EVICTION`].
pub(super) async fn make_room(
    budget: &Arc<Budget>,
    workers: &AllWorkers,
    victims: Victims,
    deadline: Instant,
) -> Result<Charge, NoRoom> {
    let last = deadline.max(Instant::now() + EVICTION);
    loop {
        let freed = budget.freed();
        tokio::pin!(freed);
        freed.as_mut().enable();
        if let Some(charge) = budget.try_charge() {
            return Ok(charge);
        }
        let end = match workers.evict(budget.shortfall(), victims, budget) {
            0 => last,
            _missing => deadline,
        };
        if end <= Instant::now() {
            return Err(budget.no_room());
        }
        let next_look = end.min(Instant::now() + POLL);
        let _ = tokio::time::timeout_at(next_look, freed).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[tokio::test]
    async fn a_freed_charge_makes_room_for_a_waiter() {
        let budget = Arc::new(Budget::new(Some(30)));
        let workers = AllWorkers::default();
        let first = budget.try_charge().unwrap();
        let soon = Instant::now() + Duration::from_millis(20);
        let refused = make_room(&budget, &workers, Victims::All, soon).await;
        let (used_mib, limit_mib) = (24, 30);
        assert_eq!(
            refused.unwrap_err(),
            NoRoom {
                used_mib,
                limit_mib
            }
        );
        let later = Instant::now() + Duration::from_mins(1);
        let waiting = make_room(&budget, &workers, Victims::All, later);
        let (given, ()) = tokio::join!(waiting, async { drop(first) });
        given.unwrap();
    }

    #[tokio::test]
    async fn a_raised_ceiling_makes_room_for_a_waiter() {
        let budget = Arc::new(Budget::new(Some(100)));
        budget.set_ceiling(0);
        let workers = AllWorkers::default();
        let later = Instant::now() + Duration::from_mins(1);
        let waiting = make_room(&budget, &workers, Victims::All, later);
        let (given, ()) = tokio::join!(waiting, async { budget.set_ceiling(100 * MIB) });
        given.unwrap();
    }
}
