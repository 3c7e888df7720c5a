//! A semaphore whose number of permits can change while permits are taken.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{AcquireError, Semaphore};

#[derive(Debug)]
pub(crate) struct Permits {
    free: Semaphore,
    /// Number of surplus permits that are still taken. They are dropped when they are released.
    owed: AtomicUsize,
    /// Number of all permits, taken or free, without the surplus.
    all: AtomicUsize,
}

impl Permits {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            free: Semaphore::new(count),
            owed: AtomicUsize::new(0),
            all: AtomicUsize::new(count),
        }
    }

    /// Takes `count` permits if they are free now and no task waits. The caller must release them.
    pub(crate) fn try_take(&self, count: u32) -> bool {
        self.free
            .try_acquire_many(count)
            .map(tokio::sync::SemaphorePermit::forget)
            .is_ok()
    }

    /// Waits for `count` permits, in order of arrival. The caller must release them.
    pub(crate) async fn take(&self, count: u32) -> Result<(), AcquireError> {
        self.free.acquire_many(count).await?.forget();
        Ok(())
    }

    pub(crate) fn give_back(&self, count: u32) {
        let count = count as usize;
        self.free.add_permits(count - self.pay(count));
    }

    /// Returns the number of permits, taken or free.
    pub(crate) fn count(&self) -> usize {
        self.all.load(Ordering::Acquire)
    }

    pub(crate) fn free(&self) -> usize {
        self.free.available_permits()
    }

    /// Makes all waiting and all later calls of `take` fail.
    pub(crate) fn close(&self) {
        self.free.close();
    }

    pub(crate) fn are_closed(&self) -> bool {
        self.free.is_closed()
    }

    /// Sets the number of permits. Surplus permits are dropped now if they are free, otherwise when they are released,
    /// before a waiting task gets them. A permit that is released during this call may be used once more.
    pub(crate) fn set(&self, count: usize) {
        let before = self.all.swap(count, Ordering::AcqRel);
        let more = count.saturating_sub(before);
        self.free.add_permits(more - self.pay(more));
        self.owed
            .fetch_add(before.saturating_sub(count), Ordering::AcqRel);
        // Permits that are released in the meantime also reduce the surplus.
        let gone = self.free.forget_permits(self.owed.load(Ordering::Acquire));
        self.free.add_permits(gone - self.pay(gone));
    }

    /// Uses up to `permits` permits to reduce the surplus. Returns how many it used.
    fn pay(&self, permits: usize) -> usize {
        let less = |owed: usize| Some(owed.saturating_sub(permits));
        let before = self
            .owed
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
        before.map_or(0, |owed| owed.min(permits))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Takes all free permits, one by one.
    fn taken(permits: &Permits) -> usize {
        std::iter::from_fn(|| permits.try_take(1).then_some(())).count()
    }

    #[test]
    fn free_permits_are_added_and_removed_immediately() {
        let permits = Permits::new(2);
        assert_eq!(taken(&permits), 2);
        permits.set(5);
        assert_eq!(taken(&permits), 3);
        permits.set(1);
        permits.give_back(5);
        assert_eq!(taken(&permits), 1);
    }

    #[tokio::test]
    async fn surplus_permits_are_dropped_when_they_are_released() {
        let permits = Arc::new(Permits::new(4));
        assert_eq!(taken(&permits), 4);
        // A task already waits for a permit.
        let mut next = tokio::spawn({
            let permits = Arc::clone(&permits);
            async move { permits.take(1).await }
        });
        tokio::task::yield_now().await;
        permits.set(2);
        permits.give_back(2);
        tokio::task::yield_now().await;
        assert!(!next.is_finished());
        permits.give_back(1);
        (&mut next).await.unwrap().unwrap();
        assert!(!permits.try_take(1));
        permits.give_back(2);
        assert_eq!(taken(&permits), 2);
    }

    #[test]
    fn a_higher_limit_reduces_the_surplus() {
        let permits = Permits::new(4);
        assert_eq!(taken(&permits), 4);
        permits.set(2);
        permits.set(3);
        assert!(!permits.try_take(1));
        permits.give_back(1);
        assert!(!permits.try_take(1));
        permits.give_back(1);
        assert_eq!(taken(&permits), 1);
        permits.give_back(3);
        assert_eq!(taken(&permits), 3);
    }
}
