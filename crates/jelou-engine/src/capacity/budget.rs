//! The memory budget of all workers together, and the charge of each worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::machine_memory::MachineMemory;

const MIB: u64 = 1024 * 1024;
/// Percentage of the machine's memory for workers if `limits.max_workers_memory_mib` is not set.
const DEFAULT_PERCENT: u64 = 70;
/// Percentage of the machine's memory that workers leave free, even if other programs use the rest.
const RESERVE_PERCENT: u64 = 5;
/// Assumed memory of a blank worker, until the first measurement.
const BLANK_BYTES: u64 = 24 * MIB;
/// Assumed memory of the machine if `/proc` cannot be read.
const UNKNOWN_MACHINE: MachineMemory = MachineMemory {
    total: 1024 * MIB,
    available: 1024 * MIB,
};

/// The memory budget of all workers, in bytes.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    reserve: u64,
    used: AtomicU64,
    /// The current limit, which is lower than `limit` while the machine is short of memory.
    ceiling: AtomicU64,
    blank_bytes: AtomicU64,
    freed: Notify,
}

/// There is no memory for another worker, and no idle worker can be evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRoom {
    pub(crate) used_mib: u64,
    pub(crate) limit_mib: u64,
}

impl Budget {
    pub(crate) fn new(limit_mib: Option<u64>) -> Self {
        let machine = MachineMemory::read().unwrap_or(UNKNOWN_MACHINE);
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

    /// Returns the limit that applies while the machine has enough memory.
    pub(crate) fn limit_mib(&self) -> u64 {
        self.limit / MIB
    }

    /// Reads the machine's available memory, and sets the ceiling accordingly.
    pub(crate) fn measure_machine(&self) {
        if let Some(machine) = MachineMemory::read() {
            let spare = machine.available.saturating_sub(self.reserve);
            self.set_ceiling(self.limit.min(self.used() + spare));
        }
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Returns the used bytes above the ceiling.
    pub(crate) fn excess(&self) -> u64 {
        self.used().saturating_sub(self.ceiling())
    }

    /// Returns how many bytes must be freed before another blank worker fits.
    pub(crate) fn shortfall(&self) -> u64 {
        (self.used() + self.blank_bytes()).saturating_sub(self.ceiling())
    }

    /// Returns the cause of the current ceiling: the setting, or the machine.
    pub(crate) fn reason(&self) -> &'static str {
        if self.ceiling() < self.limit {
            "the machine is short of memory"
        } else {
            "limits.max_workers_memory_mib, a server setting"
        }
    }

    pub(crate) fn no_room(&self) -> NoRoom {
        NoRoom {
            used_mib: self.used() / MIB,
            limit_mib: self.ceiling() / MIB,
        }
    }

    /// Charges the memory of another worker. Returns `None` if it does not fit.
    pub(crate) fn try_charge(self: &Arc<Self>) -> Option<Charge> {
        let bytes = self.blank_bytes();
        let ceiling = self.ceiling();
        self.used
            .try_update(Ordering::AcqRel, Ordering::Relaxed, |used| {
                let after = used + bytes;
                (after <= ceiling).then_some(after)
            })
            .ok()?;
        Some(self.charge_of(bytes))
    }

    /// Charges a process that starts even if its memory does not fit into the budget.
    pub(crate) fn charge(self: &Arc<Self>) -> Charge {
        let bytes = self.blank_bytes();
        self.used.fetch_add(bytes, Ordering::AcqRel);
        self.charge_of(bytes)
    }

    /// Returns a future that completes when a worker releases memory.
    pub(crate) fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    pub(crate) fn set_ceiling(&self, bytes: u64) {
        self.ceiling.store(bytes, Ordering::Relaxed);
    }

    /// Returns the maximum memory of all workers at the moment.
    pub(crate) fn ceiling(&self) -> u64 {
        self.ceiling.load(Ordering::Relaxed)
    }

    fn blank_bytes(&self) -> u64 {
        self.blank_bytes.load(Ordering::Relaxed)
    }

    fn charge_of(self: &Arc<Self>, bytes: u64) -> Charge {
        Charge {
            budget: Arc::clone(self),
            bytes: AtomicU64::new(bytes),
        }
    }
}

/// The memory that one worker is charged. Dropping it releases the memory.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Arc<Budget>,
    bytes: AtomicU64,
}

impl Charge {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Records a measurement of the worker's memory.
    pub(crate) fn set(&self, bytes: u64) {
        let before = self.bytes.swap(bytes, Ordering::AcqRel);
        if bytes >= before {
            self.budget.used.fetch_add(bytes - before, Ordering::AcqRel);
        } else {
            self.budget.used.fetch_sub(before - bytes, Ordering::AcqRel);
            self.budget.freed.notify_waiters();
        }
    }

    /// Records the measured memory of a blank worker. Later blank workers are charged the same amount.
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
    fn a_worker_that_fits_is_charged() {
        let budget = Arc::new(Budget::new(Some(50)));
        let first = budget.try_charge().unwrap();
        first.set_blank(20 * MIB);
        let second = budget.try_charge().unwrap();
        assert_eq!(used_mib(&budget), 40);
        assert!(budget.try_charge().is_none());
        first.set(10 * MIB);
        let third = budget.try_charge().unwrap();
        drop((first, second, third));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn growth_is_never_refused_and_shows_as_excess() {
        let budget = Arc::new(Budget::new(Some(50)));
        let process = budget.try_charge().unwrap();
        process.set(70 * MIB);
        assert_eq!(budget.excess(), 20 * MIB);
        let inspection = budget.charge();
        assert!(budget.excess() > 20 * MIB);
        drop(inspection);
        assert_eq!(budget.excess(), 20 * MIB);
        assert_eq!(
            budget.reason(),
            "limits.max_workers_memory_mib, a server setting"
        );
    }
}
