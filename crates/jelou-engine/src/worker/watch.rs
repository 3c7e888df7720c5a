//! Watches a process for what the kernel does not limit by itself: private memory, and an event loop that stands
//! still. Says as well when it has all that the kernel lets it have of something, of which it knows an error's number only.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jelou_core::Limits;
use rustix::process::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::command::WorkerDir;
use super::connection;
use super::process::Worker;
use crate::sandbox::CpuShare;

/// How often a process that works is looked at.
const PERIOD: Duration = Duration::from_millis(100);
/// How often a process that does not work is looked at.
const IDLE_PERIOD: Duration = Duration::from_secs(1);
/// How much processor time a process may use while its event loop stands still before it has to leave the processor to
/// others. Time that it waits for a processor, or sleeps, is not held against it.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long a process may have only what others leave of the processor because the one before it ended badly.
const PROBATION: Duration = Duration::from_secs(1);

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

/// Returns when the process breaks a limit; never when it keeps them. Tells `at_limit` what it has all of, once.
pub(crate) async fn watch(
    worker: &Worker,
    pid: Pid,
    dir: &WorkerDir,
    limits: &Limits,
    at_limit: impl Fn(String),
) -> Breach {
    let mut full = Full::default();
    let mut last_cpu = Duration::ZERO;
    let mut pulse = Pulse::new(pid, dir.pulse_socket());
    let mut share = EventLoop::default();
    loop {
        let cpu = cpu_time(pid).unwrap_or(last_cpu);
        // One that waits in a system call, or was stopped, uses no processor: so a request counts as work by itself.
        let works = cpu != last_cpu || worker.is_working() || pulse.is_waiting();
        last_cpu = cpu;
        if let Some(share) = event_loop(pid).and_then(|times| share.look(times, Instant::now())) {
            worker
                .running_percent
                .store(share.running, Ordering::Relaxed);
            worker
                .waiting_percent
                .store(share.waiting, Ordering::Relaxed);
        }
        if works {
            let status = read(pid, "status").unwrap_or_default();
            if let Some(private) = private_memory_of(&status) {
                worker.charge.set(private);
                if let Some(breach) = over_memory(private, limits) {
                    return breach;
                }
            }
            full.look(pid, &status, limits, &at_limit);
            if pulse.beat(cpu).await >= limits.stall_timeout() {
                return Breach::Stalled(limits.stall_timeout());
            }
        }
        if pulse.used(cpu) >= PATIENCE {
            yield_processor(pid);
            dir.give(CpuShare::Rest);
        } else if worker.age() >= PROBATION {
            dir.give(CpuShare::Own);
        }
        tokio::time::sleep(if works { PERIOD } else { IDLE_PERIOD }).await;
    }
}

/// How long a thread has run, and has waited for a core; or how much of the time that was, in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Work<T> {
    running: T,
    waiting: T,
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

/// A question to the event loop that it can answer only by running.
struct Pulse {
    process: Pid,
    path: PathBuf,
    connection: Option<UnixStream>,
    /// Since when there should be an answer, and how much processor time the process had used by then.
    waiting: Option<(Instant, Duration)>,
    /// Whether the question is on its way. One that cannot be asked, because the process took its socket away for
    /// instance, is not answered either.
    asked: bool,
}

impl Pulse {
    fn new(process: Pid, path: PathBuf) -> Self {
        Self {
            process,
            path,
            connection: None,
            waiting: None,
            asked: false,
        }
    }

    fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Of the `cpu` time that the process has used, what it used while there was no answer.
    fn used(&self, cpu: Duration) -> Duration {
        self.waiting
            .map_or(Duration::ZERO, |(_, before)| cpu.saturating_sub(before))
    }

    /// Asks, unless a question waits already; says for how long there has been no answer.
    async fn beat(&mut self, cpu: Duration) -> Duration {
        self.waiting.get_or_insert_with(|| (Instant::now(), cpu));
        if !self.asked {
            self.asked = self.ask().await.is_ok();
        }
        let answered = async {
            let mut answer = [0];
            match &mut self.connection {
                Some(connection) => connection.read_exact(&mut answer).await.map(drop),
                None => Ok(()),
            }
        };
        if self.asked {
            match tokio::time::timeout(PERIOD, answered).await {
                Ok(Ok(())) => {
                    self.waiting = None;
                    self.asked = false;
                }
                Ok(Err(_)) => {
                    self.connection = None;
                    self.asked = false;
                }
                Err(_) => {}
            }
        }
        self.waiting
            .map_or(Duration::ZERO, |(since, _)| since.elapsed())
    }

    async fn ask(&mut self) -> std::io::Result<()> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self
                .connection
                .insert(connection::connect(&self.path, self.process).await?),
        };
        let asked = connection.write_all(&[1]).await;
        if asked.is_err() {
            self.connection = None;
        }
        asked
    }
}

/// What a process has been told to have all of.
#[derive(Debug, Default)]
struct Full {
    files: bool,
    threads: bool,
}

impl Full {
    fn look(&mut self, pid: Pid, status: &str, limits: &Limits, tell: impl Fn(String)) {
        let threads = number_of(status, "Threads:");
        if !self.threads && threads >= Some(limits.max_threads) {
            self.threads = true;
            tell(format!(
                "all {} threads that it may have (limits.max_threads)",
                limits.max_threads
            ));
        }
        // Counted only where the table of files is large enough.
        let room = number_of(status, "FDSize:");
        if !self.files
            && room >= Some(limits.max_open_files)
            && open_files(pid) >= Some(limits.max_open_files)
        {
            self.files = true;
            tell(format!(
                "all {} files open that it may have (limits.max_open_files)",
                limits.max_open_files
            ));
        }
    }
}

fn open_files(pid: Pid) -> Option<u64> {
    let files = std::fs::read_dir(folder(pid).join("fd")).ok()?;
    Some(files.count() as u64)
}

fn over_memory(private: u64, limits: &Limits) -> Option<Breach> {
    let used_mib = private / (1024 * 1024);
    let limit_mib = limits.max_memory_mib;
    (used_mib > limit_mib).then_some(Breach::Memory {
        used_mib,
        limit_mib,
    })
}

/// Bytes that the process caused by itself, in memory or swapped out; files that are mapped, its program among them,
/// do not count (`proc_pid_status(5)`).
pub(crate) fn private_memory(pid: Pid) -> Option<u64> {
    private_memory_of(&read(pid, "status")?)
}

fn private_memory_of(status: &str) -> Option<u64> {
    ["RssAnon:", "RssShmem:", "VmSwap:"]
        .into_iter()
        .map(|field| kib_of(status, field))
        .sum::<Option<u64>>()
        .map(|kib| kib * 1024)
}

fn number_of(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().parse().ok()
}

fn kib_of(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// Of all its threads, in user and kernel mode, to the clock tick (`proc_pid_stat(5)`).
fn cpu_time(pid: Pid) -> Option<Duration> {
    let text = read(pid, "stat")?;
    // The name of the program, in parentheses, may hold spaces.
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields
        .split_ascii_whitespace()
        .skip(11)
        .map(str::parse::<u64>);
    let ticks = fields.next()?.ok()? + fields.next()?.ok()?;
    Some(Duration::from_millis(
        ticks * 1000 / rustix::param::clock_ticks_per_second(),
    ))
}

/// Of the thread that the event loop is (the kernel's `sched-stats.rst`; in nanoseconds).
fn event_loop(pid: Pid) -> Option<Work<Duration>> {
    let text = read(pid, "schedstat")?;
    let mut fields = text.split_ascii_whitespace().map(str::parse);
    let mut next = || Some(Duration::from_nanos(fields.next()?.ok()?));
    Some(Work {
        running: next()?,
        waiting: next()?,
    })
}

/// Bytes that count against `RLIMIT_DATA` (getrlimit(2)).
pub(crate) fn data_size(pid: Pid) -> Option<u64> {
    kib_of(&read(pid, "status")?, "VmData:").map(|kib| kib * 1024)
}

fn read(pid: Pid, name: &str) -> Option<String> {
    std::fs::read_to_string(folder(pid).join(name)).ok()
}

fn folder(pid: Pid) -> PathBuf {
    Path::new("/proc").join(pid.as_raw_nonzero().to_string())
}

/// Lets every other process go first, as long as there is one (setpriority(2), a thread at a time).
fn yield_processor(pid: Pid) {
    let tasks = std::fs::read_dir(folder(pid).join("task"));
    for task in tasks.into_iter().flatten().flatten() {
        let thread = task
            .file_name()
            .to_str()
            .and_then(|id| Pid::from_raw(id.parse().ok()?));
        if let Some(thread) = thread
            && let Err(error) = rustix::process::setpriority_process(Some(thread), 19)
        {
            tracing::debug!(%error, "cannot lower the priority of a thread");
        }
    }
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

    #[tokio::test]
    async fn only_processor_time_is_held_against_an_event_loop_that_stands_still() {
        let dir = tempfile::tempdir().unwrap();
        let nobody_answers = dir.path().join("pulse");
        let mut pulse = Pulse::new(rustix::process::getpid(), nobody_answers);
        let ms = Duration::from_millis;
        assert_eq!(pulse.used(ms(500)), Duration::ZERO);
        pulse.beat(ms(500)).await;
        assert_eq!(pulse.used(ms(500)), Duration::ZERO);
        pulse.beat(ms(790)).await;
        assert_eq!(pulse.used(ms(800)), ms(300));
    }

    #[test]
    fn a_process_is_measured() {
        let own = rustix::process::getpid();
        let status = read(own, "status").unwrap();
        assert!(private_memory(own).unwrap() > 100_000);
        assert!(number_of(&status, "Threads:").unwrap() > 0);
        assert!(open_files(own).unwrap() >= 3);
        assert!(data_size(own).unwrap() > 100_000);
        assert!(cpu_time(own).is_some());
        assert!(event_loop(own).is_some());
    }
}
