//! Boxes rarely used futures.
//!
//! A future reserves space for every future that it may await, and its poll function reserves stack for each of them.
//! Without boxing, a call that awaits none of the rare ones would still span tens of kilobytes and miss the cache.

use std::pin::Pin;

/// Boxes a rarely used future, so that its state does not enlarge the caller's. The future is created inside, out of
/// line.
#[inline(never)]
pub fn seldom<'a, F>(
    make: impl FnOnce() -> F,
) -> Pin<Box<dyn Future<Output = F::Output> + Send + 'a>>
where
    F: Future + Send + 'a,
{
    Box::pin(make())
}
