//! Watches a process for what the kernel does not limit by itself: private memory, and an event loop that stands
//! still. Says as well when it has all that the kernel lets it have of something, of which it knows an error's number only.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jelou_core::Limits;
use jelou_sandbox::CpuShare;
use rustix::process::Pid;

use super::directory::WorkerDir;
use super::handle::Worker;
use super::heartbeat::Heartbeat;
use super::procfs::{self, Activity, Status, Work};

/// How often a process that works is looked at.
const PERIOD: Duration = Duration::from_millis(100);
/// How often a process that does not work is looked at.
const IDLE_PERIOD: Duration = Duration::from_secs(1);
/// How long a process may have only what others leave of the processor because the one before it ended badly.
const PROBATION: Duration = Duration::from_secs(1);
/// The nice value (sched(7)) of a process that has to leave the processor to others: the last there is.
const LAST: i32 = 19;

/// Over what time the work of an event loop is taken.
const WINDOW: Duration = Duration::from_millis(400);

/// The limit that a process broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Breach {
    #[error(
        "private memory of {used_mib} MiB is over the limit of {limit_mib} MiB (limits.max_memory_mib)"
    )]
    Memory { used_mib: u64, limit_mib: u64 },
    #[error("the event loop did not run for {} ms (limits.stall_timeout_ms)", .0.as_millis())]
    Stalled(Duration),
}

/// What the process is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its module is imported, for which it has a time of its own (`limits.startup_timeout_ms`).
    Import,
    /// It answers calls.
    Calls,
}

impl Stage {
    /// How much processor time a process may use while its event loop stands still before it has to leave the processor
    /// to others. A large module is compiled in one piece.
    fn patience(self) -> Duration {
        match self {
            Self::Import => Duration::from_secs(1),
            Self::Calls => Duration::from_millis(300),
        }
    }

    fn stall_timeout(self, limits: &Limits) -> Duration {
        match self {
            Self::Import => Duration::MAX,
            Self::Calls => limits.stall_timeout(),
        }
    }
}

/// Returns when the process breaks a limit; never when it keeps them, or has ended already. Tells `at_limit` what it has
/// all of, once.
pub(crate) async fn watch(
    worker: &Worker,
    pid: Option<Pid>,
    dir: &WorkerDir,
    stage: Stage,
    limits: &Limits,
    at_limit: impl Fn(String),
) -> Breach {
    let Some(pid) = pid else {
        return std::future::pending().await;
    };
    let began = Instant::now();
    let stall_timeout = stage.stall_timeout(limits);
    let mut full = Full::default();
    let mut last = Activity::default();
    let mut heartbeat = Heartbeat::new(pid, dir.heartbeat_socket());
    let mut share = EventLoop::default();
    let mut is_last = false;
    loop {
        let activity = procfs::activity(pid).unwrap_or(last);
        // One that waits in a system call, or was stopped, uses no processor: so a request counts as work by itself.
        let works = activity.cpu != last.cpu || worker.in_flight() > 0 || heartbeat.is_waiting();
        last = activity;
        if let Some(times) = procfs::event_loop(pid)
            && let Some(share) = share.look(times, Instant::now())
        {
            worker
                .running_percent
                .store(share.running, Ordering::Relaxed);
            worker
                .waiting_percent
                .store(share.waiting, Ordering::Relaxed);
        }
        if works {
            if let Some(status) = Status::of(pid) {
                if let Some(private) = status.private_memory() {
                    worker.charge.set(private);
                    if let Some(breach) = over_memory(private, limits) {
                        return breach;
                    }
                }
                full.look(pid, &status, limits, &at_limit);
            }
            if heartbeat.beat(activity).await >= stall_timeout {
                return Breach::Stalled(stall_timeout);
            }
        }
        let stands_back = heartbeat.used() >= stage.patience();
        if stands_back {
            dir.set_share(CpuShare::Rest);
        } else if began.elapsed() >= PROBATION {
            // An import, too, that has stood back and runs again: nothing else would let it come to its end.
            dir.set_share(CpuShare::Own);
        }
        if stage == Stage::Calls && stands_back != is_last {
            // Only root may take it back: without, and without control groups, the process stays behind.
            procfs::set_priority(pid, if stands_back { LAST } else { 0 });
            is_last = stands_back;
        }
        tokio::time::sleep(if works { PERIOD } else { IDLE_PERIOD }).await;
    }
}

/// How much of the time the event loop has work.
#[derive(Default)]
struct EventLoop {
    /// When the window began, and what had been until then.
    since: Option<(Instant, Work<Duration>)>,
}

impl EventLoop {
    /// Percent of the time, at the end of each window.
    fn look(&mut self, times: Work<Duration>, now: Instant) -> Option<Work<u32>> {
        let (since, before) = *self.since.get_or_insert((now, times));
        let window = now.duration_since(since);
        if window < WINDOW {
            return None;
        }
        self.since = Some((now, times));
        let percent = |after: Duration, before: Duration| {
            let part = after.saturating_sub(before).as_millis() * 100 / window.as_millis();
            u32::try_from(part).ok()
        };
        Some(Work {
            running: percent(times.running, before.running)?,
            waiting: percent(times.waiting, before.waiting)?,
        })
    }
}

/// What a process has been told to have all of.
#[derive(Debug, Default)]
struct Full {
    files: bool,
    threads: bool,
}

impl Full {
    fn look(&mut self, pid: Pid, status: &Status, limits: &Limits, tell: impl Fn(String)) {
        if !self.threads && status.threads() >= Some(limits.max_threads) {
            self.threads = true;
            tell(format!(
                "all {} threads that it may have (limits.max_threads)",
                limits.max_threads
            ));
        }
        // Counted only where the table of files is large enough.
        if !self.files
            && status.room_for_files() >= Some(limits.max_open_files)
            && procfs::open_files(pid) >= Some(limits.max_open_files)
        {
            self.files = true;
            tell(format!(
                "all {} files open that it may have (limits.max_open_files)",
                limits.max_open_files
            ));
        }
    }
}

fn over_memory(private: u64, limits: &Limits) -> Option<Breach> {
    let used_mib = private / (1024 * 1024);
    let limit_mib = limits.max_memory_mib;
    (used_mib > limit_mib).then_some(Breach::Memory {
        used_mib,
        limit_mib,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_of_an_event_loop_is_that_of_a_window() {
        fn work<T>(running: T, waiting: T) -> Work<T> {
            Work { running, waiting }
        }
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut share = EventLoop::default();
        assert_eq!(share.look(work(ms(7), ms(3)), start), None);
        let times = work(ms(507), ms(103));
        assert_eq!(share.look(times, start + ms(100)), None);
        assert_eq!(share.look(times, start + ms(1000)), Some(work(50, 10)));
        assert_eq!(share.look(times, start + ms(2000)), Some(work(0, 0)));
    }
}
