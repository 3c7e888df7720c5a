//! Watches a process for what the kernel does not limit by itself: private memory, and an event loop that stands
//! still.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jelou_core::Limits;
use rustix::process::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::process::Worker;

/// How often a process that works is looked at.
const PERIOD: Duration = Duration::from_millis(100);
/// How often a process that does not work is looked at.
const IDLE_PERIOD: Duration = Duration::from_millis(1000);
/// How long the event loop may stand still before the process has to leave the processor to others.
const PATIENCE: Duration = Duration::from_millis(300);

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

/// Returns when the process breaks a limit; never when it keeps them.
pub(crate) async fn watch(worker: &Worker, pid: Pid, pulse: PathBuf, limits: &Limits) -> Breach {
    let mut last_cpu = None;
    let mut pulse = Pulse::new(pulse);
    loop {
        let cpu = cpu_time(pid);
        let works = cpu != last_cpu || pulse.is_waiting();
        last_cpu = cpu;
        if works {
            if let Some(breach) = over_memory(pid, limits) {
                return breach;
            }
            let still = pulse.beat().await;
            if still >= limits.stall_timeout() {
                return Breach::Stalled(limits.stall_timeout());
            }
            if still >= PATIENCE {
                yield_processor(pid);
            }
        }
        let busy = works || worker.is_working();
        tokio::time::sleep(if busy { PERIOD } else { IDLE_PERIOD }).await;
    }
}

/// A question to the event loop that it can answer only by running.
struct Pulse {
    path: PathBuf,
    connection: Option<UnixStream>,
    /// When the question that waits for its answer was asked.
    asked: Option<Instant>,
}

impl Pulse {
    fn new(path: PathBuf) -> Self {
        Self {
            path,
            connection: None,
            asked: None,
        }
    }

    fn is_waiting(&self) -> bool {
        self.asked.is_some()
    }

    /// Asks, unless a question waits already; says for how long there has been no answer.
    async fn beat(&mut self) -> Duration {
        if self.asked.is_none() {
            self.asked = Some(Instant::now());
            if self.ask().await.is_err() {
                // A process that cannot be asked is about to end, which is seen elsewhere.
                self.asked = None;
            }
        }
        let answered = async {
            let mut answer = [0];
            match &mut self.connection {
                Some(connection) => connection.read_exact(&mut answer).await.is_ok(),
                None => false,
            }
        };
        if tokio::time::timeout(PERIOD, answered)
            .await
            .is_ok_and(|answered| answered)
        {
            self.asked = None;
        }
        self.asked.map_or(Duration::ZERO, |asked| asked.elapsed())
    }

    async fn ask(&mut self) -> std::io::Result<()> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self
                .connection
                .insert(UnixStream::connect(&self.path).await?),
        };
        let asked = connection.write_all(&[1]).await;
        if asked.is_err() {
            self.connection = None;
        }
        asked
    }
}

fn over_memory(pid: Pid, limits: &Limits) -> Option<Breach> {
    let used_mib = private_memory(pid)? / (1024 * 1024);
    let limit_mib = limits.max_memory_mib;
    (used_mib > limit_mib).then_some(Breach::Memory {
        used_mib,
        limit_mib,
    })
}

/// Bytes that no other process shares: resident minus shared (proc_pid_statm(5)).
fn private_memory(pid: Pid) -> Option<u64> {
    let text = read(pid, "statm")?;
    let mut fields = text.split_ascii_whitespace().skip(1).map(str::parse::<u64>);
    let (resident, shared) = (fields.next()?.ok()?, fields.next()?.ok()?);
    Some(resident.saturating_sub(shared) * rustix::param::page_size() as u64)
}

/// Clock ticks in user and kernel mode (proc_pid_stat(5)).
fn cpu_time(pid: Pid) -> Option<u64> {
    let text = read(pid, "stat")?;
    // The name of the program, in parentheses, may hold spaces.
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields
        .split_ascii_whitespace()
        .skip(11)
        .map(str::parse::<u64>);
    Some(fields.next()?.ok()? + fields.next()?.ok()?)
}

/// Bytes that count against `RLIMIT_DATA` (getrlimit(2)).
pub(crate) fn data_size(pid: Pid) -> Option<u64> {
    let text = read(pid, "status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmData:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

fn read(pid: Pid, name: &str) -> Option<String> {
    std::fs::read_to_string(
        Path::new("/proc")
            .join(pid.as_raw_nonzero().to_string())
            .join(name),
    )
    .ok()
}

/// Lets every other process go first, as long as there is one (setpriority(2), a thread at a time).
fn yield_processor(pid: Pid) {
    let tasks = Path::new("/proc")
        .join(pid.as_raw_nonzero().to_string())
        .join("task");
    for task in std::fs::read_dir(tasks).into_iter().flatten().flatten() {
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
    fn a_process_is_measured() {
        let own = rustix::process::getpid();
        assert!(private_memory(own).unwrap() > 100_000);
        assert!(data_size(own).unwrap() > 100_000);
        assert!(cpu_time(own).is_some());
    }
}
