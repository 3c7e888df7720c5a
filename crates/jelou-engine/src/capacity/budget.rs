//! The memory that all processes may have together, and what each of them has of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::machine::Memory;
use crate::fleet::eviction::Running;

const MIB: u64 = 1024 * 1024;
/// Of the machine's memory, what processes may have when the operator does not say.
const DEFAULT_PERCENT: u64 = 70;
/// Of the machine's memory, what stays free whoever uses the rest.
const RESERVE_PERCENT: u64 = 5;
/// What a blank worker has, until one was measured.
const BLANK_BYTES: u64 = 24 * MIB;
/// How long whoever waits for room waits before looking again.
const LOOK: Duration = Duration::from_millis(50);
/// How long a process that has nothing to do may take to end for the sake of another one.
const ENDING: Duration = Duration::from_secs(1);
/// Where the kernel does not tell how much memory there is.
const UNKNOWN_MACHINE: Memory = Memory {
    total: 1024 * MIB,
    available: 1024 * MIB,
};

#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    reserve: u64,
    used: AtomicU64,
    /// What may be used as long as the machine has as much to spare as it had when it was looked at.
    ceiling: AtomicU64,
    blank_bytes: AtomicU64,
    /// Told when a process gives memory back.
    freed: Notify,
}

/// There is no room for another process, and none can be ended for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRoom {
    pub(crate) used_mib: u64,
    pub(crate) limit_mib: u64,
}

impl Budget {
    pub(crate) fn new(limit_mib: Option<u64>) -> Self {
        let machine = Memory::look().unwrap_or(UNKNOWN_MACHINE);
        let limit = limit_mib.map_or(machine.total / 100 * DEFAULT_PERCENT, |mib| mib * MIB);
        Self {
            limit,
            reserve: machine.total / 100 * RESERVE_PERCENT,
            used: AtomicU64::new(0),
            ceiling: AtomicU64::new(limit),
            blank_bytes: AtomicU64::new(BLANK_BYTES),
            freed: Notify::new(),
        }
    }

    /// Takes in how much memory the machine has left, which others use too.
    pub(crate) fn look_at_machine(&self) {
        if let Some(machine) = Memory::look() {
            let spare = machine.available.saturating_sub(self.reserve);
            let ceiling = self.limit.min(self.used() + spare);
            self.ceiling.store(ceiling, Ordering::Relaxed);
        }
    }

    /// Bytes.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes that must be given back.
    pub(crate) fn excess(&self) -> u64 {
        self.used()
            .saturating_sub(self.ceiling.load(Ordering::Relaxed))
    }

    /// Which setting or circumstance keeps the processes from more.
    pub(crate) fn reason(&self) -> &'static str {
        if self.ceiling.load(Ordering::Relaxed) < self.limit {
            "the machine is short of memory"
        } else {
            "limits.max_workers_memory_mib"
        }
    }

    /// Room for another process, if there is some.
    pub(crate) fn try_room(self: &Arc<Self>) -> Option<Charge> {
        let bytes = self.blank_bytes.load(Ordering::Relaxed);
        let ceiling = self.ceiling.load(Ordering::Relaxed);
        self.used
            .try_update(Ordering::AcqRel, Ordering::Relaxed, |used| {
                let after = used + bytes;
                (after <= ceiling).then_some(after)
            })
            .ok()?;
        Some(Charge {
            budget: Arc::clone(self),
            bytes: AtomicU64::new(bytes),
        })
    }

    /// Room for another process, for which those that have had no request for `idle` are ended as needed, the one
    /// that was used least recently first. Waits until `deadline` for somebody to give something back. What is being
    /// given back then is waited for, too, as long as `ENDING`.
    pub(crate) async fn room(
        self: &Arc<Self>,
        running: &Running,
        idle: Duration,
        deadline: Instant,
    ) -> Result<Charge, NoRoom> {
        let last = deadline.max(Instant::now() + ENDING);
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            if let Some(charge) = self.try_room() {
                return Ok(charge);
            }
            let bytes = self.blank_bytes.load(Ordering::Relaxed);
            let ceiling = self.ceiling.load(Ordering::Relaxed);
            let wanted = (self.used() + bytes).saturating_sub(ceiling);
            let end = match running.evict(wanted, idle, self) {
                0 => last,
                _missing => deadline,
            };
            if end <= Instant::now() {
                return Err(NoRoom {
                    used_mib: self.used() / MIB,
                    limit_mib: ceiling / MIB,
                });
            }
            // A process that has nothing to do any more says nothing, and neither does a machine that has more to spare.
            let look = end.min(Instant::now() + LOOK);
            let _ = tokio::time::timeout_at(look, freed).await;
        }
    }

    /// Counts a process that runs whether there is room or not.
    pub(crate) fn charge(self: &Arc<Self>) -> Charge {
        let bytes = self.blank_bytes.load(Ordering::Relaxed);
        self.used.fetch_add(bytes, Ordering::AcqRel);
        Charge {
            budget: Arc::clone(self),
            bytes: AtomicU64::new(bytes),
        }
    }
}

/// What one process has. It is given back with the process.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Arc<Budget>,
    bytes: AtomicU64,
}

impl Charge {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Takes in what was measured.
    pub(crate) fn set(&self, bytes: u64) {
        let before = self.bytes.swap(bytes, Ordering::AcqRel);
        if bytes >= before {
            self.budget.used.fetch_add(bytes - before, Ordering::AcqRel);
        } else {
            self.budget.used.fetch_sub(before - bytes, Ordering::AcqRel);
            self.budget.freed.notify_waiters();
        }
    }

    /// Takes in what a blank worker was measured to have: the next one will have as much.
    pub(crate) fn set_blank(&self, bytes: u64) {
        self.budget.blank_bytes.store(bytes, Ordering::Relaxed);
        self.set(bytes);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used_mib(budget: &Budget) -> u64 {
        budget.used() / MIB
    }

    #[test]
    fn there_is_room_for_what_fits() {
        let budget = Arc::new(Budget::new(Some(50)));
        let first = budget.try_room().unwrap();
        first.set_blank(20 * MIB);
        let second = budget.try_room().unwrap();
        assert_eq!(used_mib(&budget), 40);
        assert!(budget.try_room().is_none());
        first.set(10 * MIB);
        let third = budget.try_room().unwrap();
        drop((first, second, third));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn growth_is_never_refused_and_shows_as_excess() {
        let budget = Arc::new(Budget::new(Some(50)));
        let process = budget.try_room().unwrap();
        process.set(70 * MIB);
        assert_eq!(budget.excess(), 20 * MIB);
        let inspection = budget.charge();
        assert!(budget.excess() > 20 * MIB);
        drop(inspection);
        assert_eq!(budget.excess(), 20 * MIB);
        assert_eq!(budget.reason(), "limits.max_workers_memory_mib");
    }

    #[tokio::test]
    async fn whoever_needs_room_is_told_when_it_is_given_back() {
        let budget = Arc::new(Budget::new(Some(30)));
        let running = Running::default();
        let first = budget.try_room().unwrap();
        let soon = Instant::now() + Duration::from_millis(20);
        let refused = budget.room(&running, Duration::ZERO, soon).await;
        let (used_mib, limit_mib) = (24, 30);
        assert_eq!(
            refused.unwrap_err(),
            NoRoom {
                used_mib,
                limit_mib
            }
        );
        let later = Instant::now() + Duration::from_mins(1);
        let waiting = budget.room(&running, Duration::ZERO, later);
        let (given, ()) = tokio::join!(waiting, async { drop(first) });
        given.unwrap();
    }

    #[tokio::test]
    async fn whoever_needs_room_sees_that_the_machine_has_more_to_spare() {
        let budget = Arc::new(Budget::new(Some(100)));
        budget.ceiling.store(0, Ordering::Relaxed);
        let running = Running::default();
        let later = Instant::now() + Duration::from_mins(1);
        let waiting = budget.room(&running, Duration::ZERO, later);
        let (given, ()) = tokio::join!(waiting, async {
            budget.ceiling.store(100 * MIB, Ordering::Relaxed);
        });
        given.unwrap();
    }
}
