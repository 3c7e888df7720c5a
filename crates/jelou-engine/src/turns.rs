//! Turns for requests: how many of them a function works on at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Handle;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

#[derive(Debug)]
pub(crate) struct Turns {
    free: Arc<Semaphore>,
    /// Taken or not; without those that go as soon as they are given back.
    all: AtomicUsize,
}

impl Turns {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(count)),
            all: AtomicUsize::new(count),
        }
    }

    pub(crate) fn try_take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).try_acquire_owned().ok()
    }

    /// Waits for one, behind those who wait already.
    pub(crate) async fn take(&self) -> Result<OwnedSemaphorePermit, AcquireError> {
        Arc::clone(&self.free).acquire_owned().await
    }

    /// Makes it that many. Those that are too many go at once if they are free, and else when they are
    /// given back, after those who wait already have had theirs.
    pub(crate) fn set(&self, count: usize, runtime: &Handle) {
        let before = self.all.swap(count, Ordering::AcqRel);
        self.free.add_permits(count.saturating_sub(before));
        let surplus = before.saturating_sub(count);
        let taken = surplus - self.free.forget_permits(surplus);
        if taken > 0 {
            let free = Arc::clone(&self.free);
            let taken = u32::try_from(taken).unwrap_or(u32::MAX);
            runtime.spawn(async move {
                if let Ok(turns) = free.acquire_many_owned(taken).await {
                    turns.forget();
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(turns: &Turns) -> Vec<OwnedSemaphorePermit> {
        std::iter::from_fn(|| turns.try_take()).collect()
    }

    #[tokio::test]
    async fn free_turns_come_and_go_at_once() {
        let turns = Turns::new(2);
        let runtime = Handle::current();
        assert_eq!(taken(&turns).len(), 2);
        turns.set(5, &runtime);
        assert_eq!(taken(&turns).len(), 5);
        turns.set(1, &runtime);
        assert_eq!(taken(&turns).len(), 1);
    }

    #[tokio::test]
    async fn turns_that_are_taken_go_when_they_are_given_back() {
        let turns = Turns::new(4);
        let mut held = taken(&turns);
        turns.set(2, &Handle::current());
        tokio::task::yield_now().await;
        // Somebody always waits.
        let mut next = tokio::spawn({
            let free = Arc::clone(&turns.free);
            async move { free.acquire_owned().await }
        });
        held.truncate(2);
        tokio::task::yield_now().await;
        assert!(!next.is_finished());
        held.pop();
        held.push((&mut next).await.unwrap().unwrap());
        assert!(turns.try_take().is_none());
        drop(held);
        assert_eq!(taken(&turns).len(), 2);
    }
}
