//! Boxes rarely used futures, so that the futures of frequent calls are small.
//!
//! A future contains the state of every future that it may await, and the function that polls it has a stack slot for
//! each of them. Without the box, a frequent call would use tens of kilobytes of stack for rarely used state, which is
//! not in the CPU cache.

use std::pin::Pin;

/// Boxes a rarely used future, so that neither its state nor its code enlarges the caller's.
#[inline(never)]
pub fn cold_future<'a, F>(
    make: impl FnOnce() -> F,
) -> Pin<Box<dyn Future<Output = F::Output> + Send + 'a>>
where
    F: Future + Send + 'a,
{
    Box::pin(make())
}
