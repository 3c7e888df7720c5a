//! Enforces the limits that the kernel does not enforce: private memory, and a stalled event loop. Also reports when a
//! process has exhausted its file descriptors or threads, because the process itself sees only an error number.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jelou_core::{FunctionLimits, Limits};
use jelou_sandbox::CpuShare;
use rustix::process::Pid;

use super::directory::WorkerDir;
use super::handle::Worker;
use super::heartbeat::Heartbeat;
use super::procfs::{self, Activity, Status, Work};
use crate::logs::KillReason;

/// Interval between measurements of a busy process.
const PERIOD: Duration = Duration::from_millis(100);
/// Interval between measurements of an idle process.
const IDLE_PERIOD: Duration = Duration::from_secs(1);
/// Time after its start during which a process keeps the idle priority that it got because its predecessor crashed.
const PROBATION: Duration = Duration::from_secs(1);
/// The lowest priority (sched(7)), for a stalled process.
const LOWEST_PRIORITY: i32 = 19;

/// The window over which the load of an event loop is averaged.
const WINDOW: Duration = Duration::from_millis(400);

/// The limit that a process exceeded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Breach {
    #[error("private memory of {used_mib} MiB is over the limit of {limit_mib} MiB ({limit})")]
    Memory {
        used_mib: u64,
        limit_mib: u64,
        limit: String,
    },
    #[error("the event loop did not run for {} ms ({limit})", .after.as_millis())]
    Stalled { after: Duration, limit: String },
}

impl Breach {
    pub(crate) fn kill_reason(&self) -> KillReason {
        match self {
            Self::Memory { .. } => KillReason::Memory,
            Self::Stalled { .. } => KillReason::Stall,
        }
    }
}

/// The phase of a worker, which determines its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The worker imports the bundle. `limits.startup_timeout_ms` limits the import, and the stall timeout does not
    /// apply.
    Import,
    /// The worker answers calls.
    Calls,
}

impl Stage {
    /// Returns the processor time that a stalled event loop may use before the process gets idle priority. An import
    /// may use more, because a large module is compiled in one step.
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

/// Watches a process, and completes when it exceeds a limit. Calls `at_limit` once for each exhausted resource.
pub(crate) async fn watch(
    worker: &Worker,
    pid: Option<Pid>,
    dir: &WorkerDir,
    stage: Stage,
    limits: &FunctionLimits,
    at_limit: impl Fn(String),
) -> Breach {
    let Some(pid) = pid else {
        return std::future::pending().await;
    };
    let began = Instant::now();
    let stall_timeout = stage.stall_timeout(limits);
    let mut exhausted = Exhausted::default();
    let mut last = Activity::default();
    let mut heartbeat = Heartbeat::new(pid, dir.heartbeat_socket());
    let mut event_loop = EventLoop::default();
    let mut has_lowest_priority = false;
    loop {
        let activity = procfs::activity(pid).unwrap_or(last);
        // A process that is stopped or blocked in a system call uses no processor time. So a request in flight also
        // makes the process busy.
        let busy = activity.cpu != last.cpu || worker.usage.count() > 0 || heartbeat.is_waiting();
        last = activity;
        if let Some(times) = procfs::event_loop(pid)
            && let Some(load) = event_loop.record(times, Instant::now())
        {
            worker
                .running_percent
                .store(load.running, Ordering::Relaxed);
            worker
                .waiting_percent
                .store(load.waiting, Ordering::Relaxed);
        }
        if busy {
            if let Some(status) = Status::of(pid) {
                if let Some(private) = status.private_memory() {
                    worker.charge.set(private);
                    if let Some(breach) = over_memory(private, limits) {
                        return breach;
                    }
                }
                exhausted.check(pid, &status, limits, &at_limit);
            }
            let stalled_for = heartbeat.beat(activity).await;
            if worker.is_debugged() {
                // While a debugger is attached, a breakpoint may have stopped the event loop.
                heartbeat.forgive();
            } else if stalled_for >= stall_timeout {
                return Breach::Stalled {
                    after: stall_timeout,
                    limit: limits.describe("stall_timeout_ms"),
                };
            }
        }
        let is_stalled = heartbeat.used() >= stage.patience();
        if is_stalled {
            dir.set_share(CpuShare::Rest);
        } else if began.elapsed() >= PROBATION {
            // An import also gets its normal share, because with idle priority it could not finish on a busy machine.
            dir.set_share(CpuShare::Own);
        }
        if stage == Stage::Calls && is_stalled != has_lowest_priority {
            // Only root may raise the priority again. A server without root leaves the process at the lowest priority.
            procfs::set_priority(pid, if is_stalled { LOWEST_PRIORITY } else { 0 });
            has_lowest_priority = is_stalled;
        }
        tokio::time::sleep(if busy { PERIOD } else { IDLE_PERIOD }).await;
    }
}

/// The average load of an event loop.
#[derive(Default)]
struct EventLoop {
    /// When the window began, and the totals at that time.
    since: Option<(Instant, Work<Duration>)>,
}

impl EventLoop {
    /// Records a measurement. Returns the load in percent at the end of each window.
    fn record(&mut self, times: Work<Duration>, now: Instant) -> Option<Work<u32>> {
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

/// Whether each resource was already reported as exhausted.
#[derive(Debug, Default)]
struct Exhausted {
    files: bool,
    threads: bool,
}

impl Exhausted {
    fn check(&mut self, pid: Pid, status: &Status, limits: &Limits, report: impl Fn(String)) {
        if !self.threads && status.threads() >= Some(limits.max_threads) {
            self.threads = true;
            report(format!(
                "reached its limit of {} threads (limits.max_threads, a server setting)",
                limits.max_threads
            ));
        }
        // Counting the open files is slow. So they are counted only if the table is large enough.
        if !self.files
            && status.file_table_size() >= Some(limits.max_open_files)
            && procfs::open_files(pid) >= Some(limits.max_open_files)
        {
            self.files = true;
            report(format!(
                "reached its limit of {} open files (limits.max_open_files, a server setting)",
                limits.max_open_files
            ));
        }
    }
}

fn over_memory(private: u64, limits: &FunctionLimits) -> Option<Breach> {
    let used_mib = private / (1024 * 1024);
    let limit_mib = limits.max_memory_mib;
    (used_mib > limit_mib).then(|| Breach::Memory {
        used_mib,
        limit_mib,
        limit: limits.describe("max_memory_mib"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_is_averaged_over_a_window() {
        fn work<T>(running: T, waiting: T) -> Work<T> {
            Work { running, waiting }
        }
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut share = EventLoop::default();
        assert_eq!(share.record(work(ms(7), ms(3)), start), None);
        let times = work(ms(507), ms(103));
        assert_eq!(share.record(times, start + ms(100)), None);
        assert_eq!(share.record(times, start + ms(1000)), Some(work(50, 10)));
        assert_eq!(share.record(times, start + ms(2000)), Some(work(0, 0)));
    }
}
