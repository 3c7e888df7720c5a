//! A value with one shard for each of a few threads, to avoid lock contention.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 16;

#[derive(Debug, Default)]
pub(crate) struct Sharded<T>([Mutex<T>; SHARDS]);

impl<T> Sharded<T> {
    /// Locks the shard of the calling thread.
    pub(crate) fn own(&self) -> MutexGuard<'_, T> {
        lock(&self.0[own_shard()])
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = MutexGuard<'_, T>> {
        self.0.iter().map(lock)
    }
}

fn lock<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn own_shard() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SHARD: usize = THREADS.fetch_add(1, Ordering::Relaxed) % SHARDS;
    }
    SHARD.with(|shard| *shard)
}
