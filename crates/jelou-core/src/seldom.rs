//! Futures of what is seldom done, apart from those that wait for it.
//!
//! A future holds the state of all that it may wait for, and the function that runs it a place on the stack for each of them:
//! a call that does none of it would still reach over tens of kilobytes, and find them in no cache.

use std::pin::Pin;

/// Boxes a future, which is made here: whoever waits for it has neither its state nor its code.
#[inline(never)]
pub fn seldom<'a, F>(
    make: impl FnOnce() -> F,
) -> Pin<Box<dyn Future<Output = F::Output> + Send + 'a>>
where
    F: Future + Send + 'a,
{
    Box::pin(make())
}
