//! The timer of an HTTP/1.1 connection. hyper starts it when it waits for a request. It expires early if a head has
//! begun but is not complete in time.
//!
//! Moving a deadline in the runtime costs two accesses to its timer wheel. So the runtime keeps the first deadline, and
//! gets the current deadline only when the first one is reached.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

use super::watched::Progress;

#[derive(Debug, Clone)]
pub(super) struct HeadTimer(Arc<Progress>);

struct LazySleep {
    deadline: tokio::time::Instant,
    /// The runtime's timer. It is set to the deadline or to an earlier time.
    alarm: Pin<Box<tokio::time::Sleep>>,
    progress: Arc<Progress>,
}

impl HeadTimer {
    pub(super) fn new(progress: Arc<Progress>) -> Self {
        Self(progress)
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.0.awaits_head();
        let deadline = deadline.into();
        Box::pin(LazySleep {
            deadline,
            alarm: Box::pin(tokio::time::sleep_until(deadline)),
            progress: Arc::clone(&self.0),
        })
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        self.0.awaits_head();
        match sleep.as_mut().downcast_mut_pin::<LazySleep>() {
            Some(sleep) => sleep.get_mut().reset(deadline.into()),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

impl LazySleep {
    fn reset(&mut self, deadline: tokio::time::Instant) {
        self.deadline = deadline;
        self.wake_by(deadline);
    }

    fn wake_by(&mut self, deadline: tokio::time::Instant) {
        if deadline < self.alarm.deadline() {
            self.alarm.as_mut().reset(deadline);
        }
    }

    fn current_deadline(&self) -> tokio::time::Instant {
        let head = self.progress.head_deadline();
        head.map_or(self.deadline, |head| self.deadline.min(head.into()))
    }
}

impl Future for LazySleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let deadline = self.current_deadline();
            self.wake_by(deadline);
            ready!(self.alarm.as_mut().poll(context));
            let deadline = self.current_deadline();
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
        let timer = HeadTimer::new(Progress::new(Duration::from_hours(1)));
        let later = Duration::from_millis(50);
        let mut sleep = timer.sleep(Duration::ZERO);
        for _ in 0..2 {
            // The deadline moves before and after the first deadline is reached.
            let start = Instant::now();
            timer.reset(&mut sleep, start + later);
            sleep.as_mut().await;
            assert!(start.elapsed() >= later);
        }
        let mut sleep = timer.sleep(Duration::from_hours(24));
        timer.reset(&mut sleep, Instant::now());
        sleep.await;
    }
}
