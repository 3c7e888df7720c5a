//! Turns for requests: how many of them a function works on at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{AcquireError, Semaphore};

#[derive(Debug)]
pub(crate) struct Turns {
    shared: Arc<Shared>,
    /// Taken or not; without those that are owed.
    all: AtomicUsize,
}

#[derive(Debug)]
struct Shared {
    free: Semaphore,
    /// Turns that go as soon as they are given back.
    owed: AtomicUsize,
}

/// Given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn(Arc<Shared>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.free.add_permits(1 - self.0.pay(1));
    }
}

impl Shared {
    /// Settles what is owed with as many turns as there are for it. How many it took.
    fn pay(&self, turns: usize) -> usize {
        let less = |owed: usize| Some(owed.saturating_sub(turns));
        let before = self
            .owed
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
        before.map_or(0, |owed| owed.min(turns))
    }
}

impl Turns {
    pub(crate) fn new(count: usize) -> Self {
        let shared = Shared {
            free: Semaphore::new(count),
            owed: AtomicUsize::new(0),
        };
        Self {
            shared: Arc::new(shared),
            all: AtomicUsize::new(count),
        }
    }

    pub(crate) fn try_take(&self) -> Option<Turn> {
        self.shared.free.try_acquire().ok()?.forget();
        Some(Turn(Arc::clone(&self.shared)))
    }

    /// Waits for one, behind those who wait already.
    pub(crate) async fn take(&self) -> Result<Turn, AcquireError> {
        self.shared.free.acquire().await?.forget();
        Ok(Turn(Arc::clone(&self.shared)))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.all.load(Ordering::Acquire)
    }

    /// Nobody takes one any more; those who wait learn it at once.
    pub(crate) fn close(&self) {
        self.shared.free.close();
    }

    pub(crate) fn are_closed(&self) -> bool {
        self.shared.free.is_closed()
    }

    /// Makes it that many. Those that are too many go at once if they are free, and else when they are given back, before
    /// anybody who waits has them; only one that is given back at this moment may be had once more.
    pub(crate) fn set(&self, count: usize) {
        let Shared { free, owed } = &*self.shared;
        let before = self.all.swap(count, Ordering::AcqRel);
        let more = count.saturating_sub(before);
        free.add_permits(more - self.shared.pay(more));
        owed.fetch_add(before.saturating_sub(count), Ordering::AcqRel);
        // Turns may be given back meanwhile, which pay as well.
        let gone = free.forget_permits(owed.load(Ordering::Acquire));
        free.add_permits(gone - self.shared.pay(gone));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(turns: &Turns) -> Vec<Turn> {
        std::iter::from_fn(|| turns.try_take()).collect()
    }

    #[test]
    fn free_turns_come_and_go_at_once() {
        let turns = Turns::new(2);
        assert_eq!(taken(&turns).len(), 2);
        turns.set(5);
        assert_eq!(taken(&turns).len(), 5);
        turns.set(1);
        assert_eq!(taken(&turns).len(), 1);
    }

    #[tokio::test]
    async fn turns_that_are_taken_go_when_they_are_given_back() {
        let turns = Arc::new(Turns::new(4));
        let mut held = taken(&turns);
        // Somebody waits already.
        let mut next = tokio::spawn({
            let turns = Arc::clone(&turns);
            async move { turns.take().await }
        });
        tokio::task::yield_now().await;
        turns.set(2);
        held.truncate(2);
        tokio::task::yield_now().await;
        assert!(!next.is_finished());
        held.pop();
        held.push((&mut next).await.unwrap().unwrap());
        assert!(turns.try_take().is_none());
        drop(held);
        assert_eq!(taken(&turns).len(), 2);
    }

    #[test]
    fn turns_that_are_owed_count_when_there_are_more_again() {
        let turns = Turns::new(4);
        let mut held = taken(&turns);
        turns.set(2);
        turns.set(3);
        assert!(turns.try_take().is_none());
        held.pop();
        assert!(turns.try_take().is_none());
        held.pop();
        assert_eq!(taken(&turns).len(), 1);
        drop(held);
        assert_eq!(taken(&turns).len(), 3);
    }
}
