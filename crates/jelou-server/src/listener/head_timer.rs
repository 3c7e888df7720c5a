//! The timer of an HTTP/1.1 connection. hyper starts it when it waits for a request. It expires early if a head has
//! begun but is not complete in time.
//!
//! hyper creates a timer for each request and drops it when the head is complete. A timer of the runtime costs an
//! allocation and two accesses to the timer wheel. So a connection has one timer of the runtime for all its requests,
//! and its deadline moves only when the old deadline is reached.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

use super::watched::Progress;

#[derive(Debug, Clone)]
pub(super) struct HeadTimer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    progress: Arc<Progress>,
    /// The runtime's timer. It is set to the deadline of the last [`HeadSleep`] or to an earlier time.
    alarm: Mutex<Option<Pin<Box<tokio::time::Sleep>>>>,
}

struct HeadSleep {
    deadline: Instant,
    shared: Arc<Shared>,
}

impl HeadTimer {
    pub(super) fn new(progress: Arc<Progress>) -> Self {
        Self(Arc::new(Shared {
            progress,
            alarm: Mutex::new(None),
        }))
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.0.progress.awaits_head();
        Box::pin(HeadSleep {
            deadline,
            shared: Arc::clone(&self.0),
        })
    }
}

impl HeadSleep {
    fn current_deadline(&self) -> tokio::time::Instant {
        let head = self.shared.progress.head_deadline();
        head.map_or(self.deadline, |head| head.min(self.deadline))
            .into()
    }
}

impl Future for HeadSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let alarm = &self.shared.alarm;
        let mut alarm = alarm.lock().unwrap_or_else(PoisonError::into_inner);
        let deadline = self.current_deadline();
        let alarm = alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if deadline < alarm.deadline() {
            alarm.as_mut().reset(deadline);
        }
        loop {
            ready!(alarm.as_mut().poll(context));
            if deadline <= alarm.deadline() {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(deadline);
        }
    }
}

impl Sleep for HeadSleep {}

#[cfg(test)]
mod tests {
    use super::*;

    async fn poll_once(sleep: &mut Pin<Box<dyn Sleep>>) -> Poll<()> {
        std::future::poll_fn(|context| Poll::Ready(sleep.as_mut().poll(context))).await
    }

    #[tokio::test]
    async fn each_sleep_ends_at_its_own_deadline() {
        let timer = HeadTimer::new(Progress::new(Duration::from_hours(1)));
        let later = Duration::from_millis(50);
        // The next deadline is later than that of the sleep before, then earlier.
        for before in [Duration::ZERO, Duration::from_hours(24)] {
            let mut dropped = timer.sleep(before);
            let _ = poll_once(&mut dropped).await;
            drop(dropped);
            let start = Instant::now();
            timer.sleep(later).await;
            assert!(start.elapsed() >= later);
        }
    }

    #[tokio::test]
    async fn a_head_that_has_begun_ends_the_sleep_early() {
        let progress = Progress::new(Duration::from_millis(1));
        let mut sleep = HeadTimer::new(Arc::clone(&progress)).sleep(Duration::from_hours(24));
        assert!(poll_once(&mut sleep).await.is_pending());
        progress.received();
        sleep.await;
    }
}
