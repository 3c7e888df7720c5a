//! Supervises a worker's process until it ends, and accepts its connections to other functions.

use std::sync::Arc;

use jelou_core::{FunctionLimits, Limits};
use tokio::net::UnixListener;
use tokio::process::Child;
use uuid::Uuid;

use super::directory::WorkerDir;
use super::egress::{EgressHandler, EgressListener};
use super::exit;
use super::handle::Worker;
use super::launcher::Launcher;
use super::procfs::pid_of;
use super::watchdog::{self, Stage};
use crate::debugger::Announced;
use crate::logs::{KillReason, LogForwarder, LogLine};

/// A worker's process, folder and egress socket.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) child: Child,
    pub(super) dir: WorkerDir,
    pub(super) egress: UnixListener,
    /// Publishes the inspector of the process while the process runs.
    pub(super) _announced: Option<Announced>,
}

/// Starts the task that supervises the process. The task has a reference to the launcher, because a process ends
/// together with the thread of the launcher's spawner.
pub(super) fn start(
    launcher: Arc<Launcher>,
    worker: Worker,
    process: Process,
    logs: LogForwarder,
    egress_handler: EgressHandler,
) -> Arc<Worker> {
    let worker = Arc::new(worker);
    let supervised = Arc::clone(&worker);
    let runtime = launcher.runtime.clone();
    runtime.spawn(async move {
        supervise(&supervised, process, &logs, &egress_handler).await;
        drop(launcher);
    });
    worker
}

async fn supervise(
    worker: &Worker,
    process: Process,
    logs: &LogForwarder,
    egress_handler: &EgressHandler,
) {
    let Process {
        mut child,
        dir,
        egress,
        _announced,
    } = process;
    let limits = &worker.terms.limits;
    let pid = pid_of(&child);
    let at_limit = |what| logs.write(LogLine::AtLimit(what));
    let breach = watchdog::watch(worker, pid, &dir, Stage::Calls, limits, at_limit);
    tokio::pin!(breach);
    let egress = EgressListener::new(egress);
    let cause = loop {
        tokio::select! {
            status = child.wait() => break Some(LogLine::Died(exit::describe(status, &dir, limits))),
            breach = &mut breach => {
                // Closed before the kill, so that a caller whose connection breaks finds that the worker has crashed.
                worker.close_crashed();
                let _ = child.kill().await;
                break Some(LogLine::Killed { kind: breach.kill_reason(), reason: breach.to_string() });
            }
            () = worker.broken.notified() => break Some(end_broken(&mut child, &dir, limits).await),
            () = worker.end.notified() => {
                let _ = child.kill().await;
                break None;
            }
            overdue = worker.usage.overdue_work(limits.background_timeout()) => {
                logs.write(LogLine::Unfinished(describe_overdue(&overdue, limits)));
            }
            (stream, permit) = egress.accept() => egress_handler(stream, permit),
        }
    };
    let cut = cut_work(&worker.usage.in_flight.with_work(), cause.is_some(), limits);
    if let Some(line) = cause {
        worker.close_crashed();
        logs.write(line);
    }
    if let Some(line) = cut {
        logs.write(line);
    }
    worker.close();
    worker.disconnect();
    worker.charge.set(0);
}

/// Maximum number of requests that a log line lists.
const NAMED: usize = 3;

fn named(requests: &[Uuid]) -> String {
    let mut names: Vec<_> = requests.iter().take(NAMED).map(Uuid::to_string).collect();
    if requests.len() > NAMED {
        names.push(format!("{} more", requests.len() - NAMED));
    }
    names.join(", ")
}

fn describe_overdue(requests: &[Uuid], limits: &Limits) -> String {
    format!(
        "ctx.waitUntil: the work of request {} is not finished {} ms after its answer (limits.background_timeout_ms, a server setting); the function's process no longer waits for it",
        named(requests),
        limits.background_timeout().as_millis(),
    )
}

/// Returns a log line about unfinished work that ended together with the process.
fn cut_work(requests: &[Uuid], is_crash: bool, limits: &FunctionLimits) -> Option<LogLine> {
    let how = if is_crash {
        "ended".to_owned()
    } else {
        let limit = limits.describe("drain_timeout_ms");
        format!("was ended at the end of its drain ({limit})")
    };
    let text = format!(
        "ctx.waitUntil: the work of request {} was cut, because the function's process {how}",
        named(requests)
    );
    (!requests.is_empty()).then_some(LogLine::Unfinished(text))
}

/// Waits for the end of a process that has closed a connection, and kills the process after a timeout.
async fn end_broken(child: &mut Child, dir: &WorkerDir, limits: &FunctionLimits) -> LogLine {
    match exit::of_closed(child, dir, limits).await {
        Some(how) => LogLine::Died(how),
        None => {
            let _ = child.kill().await;
            LogLine::Killed {
                kind: KillReason::Channel,
                reason: "it closed its call channel".to_owned(),
            }
        }
    }
}
