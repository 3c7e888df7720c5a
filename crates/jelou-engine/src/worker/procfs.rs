//! Reads a process's memory and CPU use from `/proc`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Pid;
use tokio::process::Child;

/// The processor time of a process, and whether its event loop, the first thread, is runnable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Activity {
    /// Processor time of all threads, in user and kernel mode. The resolution is one clock tick.
    pub(super) cpu: Duration,
    /// Whether the thread runs or waits for a processor. Otherwise it sleeps, waits in a system call, or is stopped.
    pub(super) is_runnable: bool,
}

#[cfg(test)]
impl Activity {
    pub(super) fn at(cpu_ms: u64, is_runnable: bool) -> Self {
        Self {
            cpu: Duration::from_millis(cpu_ms),
            is_runnable,
        }
    }
}

/// The time in which a thread ran, and the time in which it waited for a core. `T` is a duration or a percentage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Work<T> {
    pub(super) running: T,
    pub(super) waiting: T,
}

/// Reads the activity of a process from `stat` (`proc_pid_stat(5)`).
pub(super) fn activity(pid: Pid) -> Option<Activity> {
    let text = read(pid, "stat")?;
    // The program name is in parentheses and may contain spaces.
    let (_, fields) = text.rsplit_once(") ")?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    let mut ticks = fields.skip(10).map(str::parse::<u64>);
    let ticks = ticks.next()?.ok()? + ticks.next()?.ok()?;
    Some(Activity {
        cpu: Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second()),
        is_runnable: state == "R",
    })
}

/// Reads the work of the event loop's thread from `schedstat`, in nanoseconds (the kernel's `sched-stats.rst`).
pub(super) fn event_loop(pid: Pid) -> Option<Work<Duration>> {
    let text = read(pid, "schedstat")?;
    let mut fields = text.split_ascii_whitespace().map(str::parse);
    let mut next = || Some(Duration::from_nanos(fields.next()?.ok()?));
    Some(Work {
        running: next()?,
        waiting: next()?,
    })
}

/// The text of `status` (`proc_pid_status(5)`).
#[derive(Debug)]
pub(super) struct Status(String);

impl Status {
    pub(super) fn of(pid: Pid) -> Option<Self> {
        read(pid, "status").map(Self)
    }

    /// Returns the bytes of private memory, resident or swapped out. Mapped files, including the program, do not count.
    pub(super) fn private_memory(&self) -> Option<u64> {
        ["RssAnon:", "RssShmem:", "VmSwap:"]
            .into_iter()
            .map(|field| self.bytes(field))
            .sum()
    }

    /// Returns the bytes that count towards `RLIMIT_DATA` (getrlimit(2)).
    pub(super) fn data_size(&self) -> Option<u64> {
        self.bytes("VmData:")
    }

    pub(super) fn threads(&self) -> Option<u64> {
        self.field("Threads:")?.parse().ok()
    }

    /// Returns the size of the file descriptor table.
    pub(super) fn file_table_size(&self) -> Option<u64> {
        self.field("FDSize:")?.parse().ok()
    }

    fn bytes(&self, field: &str) -> Option<u64> {
        let kib: u64 = self.field(field)?.strip_suffix(" kB")?.parse().ok()?;
        Some(kib * 1024)
    }

    fn field(&self, field: &str) -> Option<&str> {
        let mut lines = self.0.lines();
        lines
            .find_map(|line| line.strip_prefix(field))
            .map(str::trim)
    }
}

pub(super) fn open_files(pid: Pid) -> Option<u64> {
    let files = std::fs::read_dir(folder(pid).join("fd")).ok()?;
    Some(files.count() as u64)
}

/// Sets the nice value of every thread (setpriority(2)). New threads inherit this value.
pub(super) fn set_priority(pid: Pid, nice: i32) {
    let tasks = std::fs::read_dir(folder(pid).join("task"));
    for task in tasks.into_iter().flatten().flatten() {
        let thread = task
            .file_name()
            .to_str()
            .and_then(|id| Pid::from_raw(id.parse().ok()?));
        if let Some(thread) = thread
            && let Err(error) = rustix::process::setpriority_process(Some(thread), nice)
        {
            tracing::debug!(%error, nice, "cannot set the priority of a thread");
        }
    }
}

/// Returns the process id, or `None` if the process was already reaped.
pub(super) fn pid_of(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?))
}

fn read(pid: Pid, name: &str) -> Option<String> {
    std::fs::read_to_string(folder(pid).join(name)).ok()
}

fn folder(pid: Pid) -> PathBuf {
    Path::new("/proc").join(pid.as_raw_nonzero().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_measured() {
        let own = rustix::process::getpid();
        let status = Status::of(own).unwrap();
        assert!(status.private_memory().unwrap() > 100_000);
        assert!(status.data_size().unwrap() > 100_000);
        assert!(status.threads().unwrap() > 0);
        assert!(status.file_table_size().unwrap() > 0);
        assert!(open_files(own).unwrap() >= 3);
        assert!(activity(own).is_some());
        assert!(event_loop(own).is_some());
    }

    #[test]
    fn a_sleeping_process_is_not_runnable() {
        let mut sleeps = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&sleeps);
        let asleep = || activity(pid).is_some_and(|activity| !activity.is_runnable);
        while !asleep() {
            std::thread::yield_now();
        }
        sleeps.kill().unwrap();
        sleeps.wait().unwrap();
        assert_eq!(activity(pid), None);
    }
}
