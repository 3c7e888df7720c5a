//! A timer for hyper. Its deadline moves with every request and is rarely reached.
//!
//! Moving a deadline in the runtime costs two accesses to its timer wheel. Here, the runtime keeps the first deadline.
//! When it is reached, the runtime gets the current deadline.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

#[derive(Debug, Clone, Copy)]
pub(super) struct LazyTimer;

struct LazySleep {
    deadline: tokio::time::Instant,
    /// At or before the deadline.
    alarm: Pin<Box<tokio::time::Sleep>>,
}

impl Timer for LazyTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let deadline = deadline.into();
        Box::pin(LazySleep {
            deadline,
            alarm: Box::pin(tokio::time::sleep_until(deadline)),
        })
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<LazySleep>() {
            Some(sleep) => sleep.get_mut().reset(deadline.into()),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

impl LazySleep {
    fn reset(&mut self, deadline: tokio::time::Instant) {
        self.deadline = deadline;
        if deadline < self.alarm.deadline() {
            self.alarm.as_mut().reset(deadline);
        }
    }
}

impl Future for LazySleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.alarm.as_mut().poll(context));
            let deadline = self.deadline;
            if deadline <= self.alarm.deadline() {
                return Poll::Ready(());
            }
            self.alarm.as_mut().reset(deadline);
        }
    }
}

impl Sleep for LazySleep {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_deadline_counts() {
        let later = Duration::from_millis(50);
        let mut sleep = LazyTimer.sleep(Duration::ZERO);
        for _ in 0..2 {
            // The deadline moves before and after the first deadline is reached.
            let start = Instant::now();
            LazyTimer.reset(&mut sleep, start + later);
            sleep.as_mut().await;
            assert!(start.elapsed() >= later);
        }
        let mut sleep = LazyTimer.sleep(Duration::from_hours(24));
        LazyTimer.reset(&mut sleep, Instant::now());
        sleep.await;
    }
}
